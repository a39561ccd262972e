#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
import glob
import subprocess
import sys
from dataclasses import replace

from harness import boot_dom0, boot_kernel, build, HYPERVISOR_CMDLINE, images, needs, run, scratch_folder, top

KERNEL = "/tests/kernels/vmlinuz"
TEST = needs(dom0="shared", packages=("kernel_to_try",), cost=16, long=1200,
             files={"/tests/kernels/vmlinuz": "{build}/debian/linux-image-6.12-cloud-amd64/boot/vmlinuz-*"})


def image_of(package):
    """The kernel of a package, fetched if the build has not done it."""
    folder = f"{build}/debian/{package}"
    if not glob.glob(f"{folder}/boot/vmlinuz-*"):
        subprocess.run([f"{top}/dom0-tools/image/fetch_package.sh", package, folder], check=True)
    return glob.glob(f"{folder}/boot/vmlinuz-*")[0]


def as_guest(test, package):
    with boot_dom0(test) as machine:
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
    as_guest(TEST, "linux-image-6.12-cloud-amd64")
    if "--long" in sys.argv:
        as_dom0("linux-image-6.12-amd64")
        package = "linux-image-6.12-amd64"
        as_guest(replace(TEST, dom0="own", files={KERNEL: image_of(package)}), package)


run(kernels)
