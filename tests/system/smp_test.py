#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
from harness import boot_dom0, needs, run

TEST = needs(dom0="own", cpus=4, cost=23)


def smp():
    """Four vCPUs of dom0 and four of a guest on four CPUs; all but the first come and go while processes do."""
    with boot_dom0(TEST) as machine:
        machine.wait_for(r"^==> the storm is over", 600, "both storms")
        machine.finish()


run(smp)
