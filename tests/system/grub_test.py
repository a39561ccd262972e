#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
import subprocess

from harness import boot, hypervisor, HYPERVISOR_CMDLINE, images, needs, run, scratch_folder, top

TEST = needs(dom0="own", cost=15)


def grub_boots():
    """GRUB boots hypervisor, kernel and initramfs from a disc by multiboot2; command lines arrive whole."""
    with scratch_folder() as folder:
        disc = f"{folder}/disc.iso"
        subprocess.run([f"{top}/dom0-tools/image/make_grub_image", disc, hypervisor, f"{images}/vmlinux-dom0",
                        f"{images}/guest.cpio", "console=hvc0 loglevel=4 act=poweroff token=one,two", HYPERVISOR_CMDLINE],
                       check=True)
        with boot(["-cdrom", disc, "-boot", "d", "-no-reboot"]) as machine:
            machine.wait_for(r"GRUB loads the hypervisor", 60)
            machine.wait_for(r"^guest: token one,two\b", 500, "/init, and its token")
            machine.finish()


run(grub_boots)
