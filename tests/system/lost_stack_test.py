#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
import re

from harness import audits, boot_kernel, expect, hostile, needs, run

TEST = needs(guests=("warden", "attacks"), cost=2)
ENDS = {
    # What the log says of it; CR2 is that of the fault, not of the frame that could not be pushed.
    "fault": r"d2v0: the kernel stack cannot be written: .* cr2 123456789000 vector 14 ",
    "nmi": r"d2v0: the kernel stack cannot be written: ",
}


def lost_stack():
    """A vCPU whose kernel has no stack for an exception or an NMI ends its domain, and does nothing more."""
    for end, line in ENDS.items():
        with boot_kernel(f"{hostile.guests}/warden", f"{hostile.guests}/attacks", f"end={end}", hostile.CMDLINE,
                         ["-no-reboot", "-m", "512", "-smp", "1"]) as machine:
            machine.wait_for(line, 120, f"the end by {end}")
            machine.wait_for(r"^the attacker has ended, reason 3", 120, "dom0 to hear of it")
            machine.wait_for(r"^dom0 is unharmed", 120, "the last audit")
            machine.finish()
            text = machine.text
        expect("the vCPU goes on" not in text, "the vCPU went on after its end")
        expect([audit.ok for audit in audits(text)] == [True] * 3, "the audit found wrong counts")


run(lost_stack)
