#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
from harness import boot_dom0, needs, run

TEST = needs(dom0="shared", files={"/tests/pvgrub/grub.bin": "/usr/lib/grub-xen/grub-x86_64-xen.bin"}, cost=4)


def pvgrub():
    """Debian's GRUB for PV guests, a kernel with a hypercall page and devices of its own, comes to its prompt and obeys."""
    with boot_dom0(TEST) as machine:
        machine.wait_for(r"^==> GRUB was there", 240, "GRUB")
        machine.finish()


run(pvgrub)
