#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
from harness import boot_dom0, needs, run

TEST = needs(dom0="shared", cost=20)


def crashing_guest():
    """Guests that crash are seen as crashed and can be destroyed; dom0 and another guest go on."""
    with boot_dom0(TEST) as machine:
        machine.wait_for(r"^==> dom0 is undisturbed", 480, "two crashes")
        machine.finish()


run(crashing_guest)
