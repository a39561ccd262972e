#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
from harness import boot_dom0, expect, needs, next_audit, run

TEST = needs(dom0="shared", cost=60)


def store_kill():
    """The store's server is killed 40 times while guests come and go, and nobody notices."""
    with boot_dom0(TEST) as machine:
        machine.wait_for(r"^==> audit before", 120)
        before = next_audit(machine)
        machine.wait_for(r"^==> 4 rounds", 240)
        machine.wait_for(r"^==> 8 rounds", 240)
        machine.wait_for(r"^==> \d+ servers were killed in \d+ rounds", 240)
        machine.wait_for(r"^==> audit after", 120)
        after = next_audit(machine)
        machine.wait_for(r"^==> the guest that was there all the time was shut down", 240)
        machine.wait_for(r"^==> nothing is lost", 60)
        machine.finish()
    expect(before.ok and after.ok, "the audit found wrong counts")
    expect(before == after, "the audit counts something that was not there before")


run(store_kill)
