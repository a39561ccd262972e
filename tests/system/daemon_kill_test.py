#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
import sys

from harness import boot_dom0, expect, needs, next_audit, run

TEST = needs(dom0="shared", cost=45, long=7200)


def daemon_kill():
    """paravaned is killed again and again while domains are made, restarted and destroyed: none is lost, double or left."""
    kills = 500 if "--long" in sys.argv else 40
    with boot_dom0(TEST, str(kills)) as machine:
        machine.wait_for(r"^==> audit before", 240)
        before = next_audit(machine)
        for count in range(10, kills + 1, 10):
            machine.wait_for(rf"^==> {count} kills", 240)
        machine.wait_for(r"^==> paravaned was killed \d+ times in \d+ rounds", 900)
        machine.wait_for(r"^==> audit after", 240)
        after = next_audit(machine)
        machine.wait_for(r"^==> nothing is lost", 60)
        machine.finish()
    expect(before.ok and after.ok, "the audit found wrong counts")
    expect(before == after, "the audit counts something that was not there before")


run(daemon_kill)
