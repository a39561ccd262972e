#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
from harness import boot_kernel, guest, needs, run
from harness.hostile import CMDLINE

TEST = needs(guests=("contention",), cpus=4, cost=2)


def contention():
    """Four CPUs that all want the same run queue get on with it, though the machine below does not run all at a time."""
    image = guest("contention")
    with boot_kernel(image, None, "", CMDLINE, ["-no-reboot", "-m", "512", "-smp", "4"],
                     concurrent=True) as machine:
        rounds = machine.wait_for(r"^\d+ rounds of 3 vCPUs and \d+ wake-ups in \d+ ms", 120, "all rounds",
                                  unless=r"guest panic: .*\n")
        machine.finish()
    print(f"  {rounds.group(0)}")


run(contention)
