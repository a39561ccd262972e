#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
from harness import boot_dom0, expect, needs, next_audit, run

TEST = needs(dom0="shared", cost=120)


def daemon_kill():
    """paravaned is killed 40 times while domains are made, restarted and destroyed: none is lost, double or left."""
    with boot_dom0(TEST) as machine:
        machine.wait_for(r"^==> audit before", 120)
        before = next_audit(machine)
        for count in (3, 6):
            machine.wait_for(rf"^==> {count} rounds", 480)
        machine.wait_for(r"^==> paravaned was killed \d+ times in \d+ rounds", 900)
        machine.wait_for(r"^==> audit after", 240)
        after = next_audit(machine)
        machine.wait_for(r"^==> nothing is lost", 60)
        machine.finish()
    expect(before.ok and after.ok, "the audit found wrong counts")
    expect(before == after, "the audit counts something that was not there before")


run(daemon_kill)
