#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
from harness import boot_dom0, run


def dom0_powers_off():
    """Debian's kernel as dom0 reaches user space, our daemons answer, the machine switches itself off."""
    with boot_dom0(words="paravane.then=poweroff", qemu=()) as machine:  # a reboot would never end
        machine.wait_for(r"^==> powering off", 30)
        machine.finish()


run(dom0_powers_off)
