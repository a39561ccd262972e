#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
from harness import needs, own_dom0, run

TEST = needs(dom0="own", cost=17)


def dom0_reboots():
    """A reboot of dom0 brings the machine back to dom0."""
    with own_dom0(TEST, "paravane.then=reboot", qemu=()) as machine:
        machine.wait_for(r"^==> rebooting", 30)
        machine.wait_for(r"^==> dom0 is in user space", 240, "dom0 in user space a second time")


run(dom0_reboots)
