#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
from harness import boot_dom0, needs, run

TEST = needs(dom0="shared", cost=8)


def console_user():
    """pvconsoled gives up root's rights once everything is open, and still serves its guest to the end."""
    with boot_dom0(TEST) as machine:
        machine.wait_for(r"^==> the console was served by nobody", 240)
        machine.finish()


run(console_user)
