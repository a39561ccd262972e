#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
from harness import boot_dom0, needs, run

TEST = needs(dom0="shared", cost=18)


def two_guests():
    """Two Linux guests run at once, each with its own console; what is done to one does not touch the other."""
    with boot_dom0(TEST) as machine:
        machine.wait_for(r"^==> both were there", 480, "two guests")
        machine.finish()


run(two_guests)
