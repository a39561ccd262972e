#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Processors that the hypervisor does not use wait somewhere in the firmware, and stay there when all others are stopped:
one that is woken there runs into what was the firmware's, and resets the machine before the console is written to its end."""
import os

from harness import boot_kernel, expect, hello, needs, run, scratch_folder

TEST = needs(guests=("hello",), cpus=4, cost=1)


def the_end():
    """The machine goes off, and no processor that is not used has anything to do with it."""
    with scratch_folder() as folder:
        log = os.path.join(folder, "resets")
        with boot_kernel(hello, hypervisor_cmdline="console=com1 com1=115200,8n1 dom0_mem=64M maxcpus=2",
                         qemu=["-no-reboot", "-m", "256", "-smp", "4", "-d", "cpu_reset", "-D", log],
                         concurrent=True) as machine:
            machine.wait_for("4 processors in ACPI, 2 in use", 60)
            machine.wait_for("dom0 has shut down, reason 0", 60)
            machine.finish()
        with open(log, encoding="utf-8") as file:
            text = file.read()
        expect("CPU Reset" in text, "QEMU tells of no processor's reset")
        expect("Triple fault" not in text, "a processor that is not used was woken")


run(the_end)
