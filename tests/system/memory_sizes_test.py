#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
from harness import boot_kernel, images, needs, run

TEST = needs(dom0="own", cost=15)
GUEST = {"kernel": f"{images}/vmlinux-dom0", "initrd": f"{images}/guest.cpio",
         "dom0_cmdline": "console=hvc0 act=poweroff token=memory"}
CONSOLE = "console=com1 com1=115200,8n1"
# Without asking whether this machine has as much.
LARGE = ["-m", "16384", "-object", "memory-backend-ram,id=ram,size=16G,reserve=off", "-machine", "memory-backend=ram",
         "-no-reboot"]


def memory_sizes():
    """16 GiB with the hole below 4 GiB, most of it dom0's; a machine that is too small for its dom0 says so."""
    with boot_kernel(**GUEST, hypervisor_cmdline=f"{CONSOLE} dom0_mem=12G", qemu=LARGE) as machine:
        machine.wait_for(r"16383 MiB of RAM|16384 MiB of RAM", 60)
        machine.wait_for(r"dom0: 12288 MiB", 60)
        machine.wait_for(r"^guest: token memory\b", 300)
        machine.finish()
    for size, words, complaint in ((128, "", "dom0: kernel: there is too little memory"), (256, "dom0_mem=1G", "dom0: memory: dom0_mem asks for more")):
        with boot_kernel(**GUEST, hypervisor_cmdline=f"{CONSOLE} {words}", qemu=["-m", str(size), "-no-reboot"]) as machine:
            machine.wait_for(complaint, 60, f"the complaint of a machine of {size} MiB")


run(memory_sizes)
