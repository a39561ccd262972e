#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
from harness import needs, own_dom0, run

TEST = needs(dom0="own", cost=10)


def dom0_powers_off():
    """Debian's kernel as dom0 reaches user space, our daemons answer, the machine switches itself off."""
    with own_dom0(TEST, "paravane.then=poweroff", qemu=()) as machine:  # a reboot would never end
        machine.wait_for(r"^==> powering off", 30)
        machine.finish()


run(dom0_powers_off)
