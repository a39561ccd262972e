#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
from harness import boot_kernel, hello, HYPERVISOR_CMDLINE, needs, run

TEST = needs(guests=("hello",), cost=1)


def hypervisor_options():
    """An unknown option is a warning; a malformed one is an error that names it; nothing else happens to the boot."""
    with boot_kernel(hello, dom0_cmdline="hello again", hypervisor_cmdline=f"{HYPERVISOR_CMDLINE} colour=blue",
                     qemu=("-no-reboot",)) as machine:
        machine.wait_for(r"colour.*: unknown option", 60)
        machine.wait_for(r"hello again", 60)
        machine.finish()
    malformed = HYPERVISOR_CMDLINE.replace("1024M", "plenty")
    with boot_kernel(hello, hypervisor_cmdline=malformed, qemu=("-no-reboot",)) as machine:
        machine.wait_for(r"command line: dom0_mem=plenty.*: .+\n", 60)


run(hypervisor_options)
