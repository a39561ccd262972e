#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
from harness import boot_dom0, expect, needs, next_audit, run

TEST = needs(dom0="shared", cost=120)


def leak():
    """100 guests come and go in every way; the hypervisor's audit finds not one frame, channel, grant or domain left."""
    with boot_dom0(TEST) as machine:
        machine.wait_for(r"^==> audit before", 60)
        before = next_audit(machine)
        for count in range(10, 91, 10):
            machine.wait_for(rf"^==> {count} guests have gone", 180)
        machine.wait_for(r"^==> 97 hello guests have gone", 180)
        machine.wait_for(r"^==> Linux was shut down", 300)
        machine.wait_for(r"^==> Linux was rebooted and destroyed", 300)
        machine.wait_for(r"^==> Linux crashed", 300)
        machine.wait_for(r"^==> audit after", 60)
        after = next_audit(machine)
        machine.wait_for(r"^==> 100 guests have gone", 30)
        machine.finish()
    print(f"  audit before: {before.line}\n  audit after:  {after.line}")
    expect(before.ok and after.ok, "the audit found wrong counts")
    expect(before == after, "the audit counts something that was not there before")


run(leak)
