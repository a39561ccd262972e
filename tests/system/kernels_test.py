#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
import glob
import subprocess
import sys
from pathlib import Path

from harness import HYPERVISOR_CMDLINE, boot_dom0, boot_kernel, build, expect, images, run, scratch_folder, top

SCRIPT = """
pvctl create /etc/guest.yaml || failed "create"
wait_until 240 grep -q "guest: powering off" /var/log/paravane/other.log || failed "the guest did not get to its end"
grep "guest: kernel" /var/log/paravane/other.log
grep -E "BUG|WARNING|Oops" /var/log/paravane/other.log && failed "the guest's kernel complains"
gone() { ! pvctl list | grep -q other; }
wait_until 60 gone || failed "the guest is still there"
step "a guest with another kernel came and went"
"""
GUEST = """name: other
kernel: /etc/vmlinuz
initrd: /boot/initrd
cmdline: console=hvc0 act=poweroff
memory: 256MiB
vcpus: 2
on_poweroff: destroy
"""


def image_of(package):
    """The kernel of a package, fetched if the build has not done it."""
    folder = f"{build}/debian/{package}"
    if not glob.glob(f"{folder}/boot/vmlinuz-*"):
        subprocess.run([f"{top}/dom0-tools/image/fetch_package.sh", package, folder], check=True)
    return glob.glob(f"{folder}/boot/vmlinuz-*")[0]


def as_guest(package):
    with boot_dom0(SCRIPT, {"/etc/guest.yaml": GUEST, "/etc/vmlinuz": Path(image_of(package))}) as machine:
        found = machine.wait_for(r"guest: kernel (\S+), 2 cpu", 300, f"a guest with {package}")
        machine.wait_for(r"^==> a guest with another kernel came and went", 120)
        machine.finish()
    print(f"  {found.group(1)} as a guest")


def as_dom0(package):
    """With the guest's initramfs: it goes the whole way to user space and powers the machine off."""
    with scratch_folder() as folder:
        kernel = f"{folder}/vmlinux"
        subprocess.run([f"{top}/dom0-tools/image/unpack_kernel", image_of(package), kernel], check=True)
        with boot_kernel(kernel, f"{images}/guest.cpio", "console=hvc0 act=poweroff", HYPERVISOR_CMDLINE,
                         ("-no-reboot",)) as machine:
            found = machine.wait_for(r"guest: kernel (\S+),", 300, f"dom0 with {package}")
            machine.finish()
    print(f"  {found.group(1)} as dom0")


def kernels():
    """Other kernels than those the system runs on: the newest of Debian 12; with --long, those with all drivers too."""
    as_guest("linux-image-6.12-cloud-amd64")
    if "--long" in sys.argv:
        as_dom0("linux-image-6.12-amd64")
        as_guest("linux-image-6.12-amd64")


run(kernels)
