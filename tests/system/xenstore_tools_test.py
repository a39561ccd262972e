#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
from harness import boot_dom0, needs, run

TEST = needs(dom0="shared", cost=4)


def xenstore_tools():
    """Debian's xenstore-write, -read, -list, -ls, -exists, -chmod, -watch and -rm work against our xenstored."""
    with boot_dom0(TEST) as machine:
        machine.wait_for(r"^==> the store answers Debian's tools", 120)
        machine.finish()


run(xenstore_tools)
