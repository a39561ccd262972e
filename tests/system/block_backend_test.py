#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
import sys

from harness import boot_dom0, needs, run

TEST = needs(dom0="shared", cost=90, long=1800, programs=("disk_check",),
             files={"/tests/block_backend/disk_check": "{build}/tests/system/disk_check",
                    "/tests/block_backend/loop.ko":
                        "{build}/debian/linux-image-amd64/lib/modules/*/kernel/drivers/block/loop.ko",
                    "/tests/block_backend/xen-blkfront.ko":
                        "{build}/debian/linux-image-cloud-amd64/lib/modules/*/kernel/drivers/block/xen-blkfront.ko"})


def block_backend():
    """The backend of a stock Linux's disk is killed 30 times while it is written and read: nothing is lost or done twice."""
    kills = 100 if "--long" in sys.argv else 20
    with boot_dom0(TEST, str(kills)) as machine:
        machine.wait_for(r"^==> 3 disks are served", 240)
        for count in range(5, kills + 1, 5):
            machine.wait_for(rf"^==> {count} kills, the guest did \d+ operations", 480)
        machine.wait_for(r"^==> the supervisor was killed, the guest did \d+ operations", 480)
        machine.wait_for(r"^==> nothing is lost", 480)
        machine.wait_for(r"^==> a guest that does not let go keeps its disk", 480)
        machine.wait_for(r"^==> the disk went and came back", 480)
        for count in range(5, kills // 2 + 1, 5):
            machine.wait_for(rf"^==> {count} kills more, the guest did \d+ operations", 480)
        machine.wait_for(r"^==> nothing is lost where pages are copied", 480)
        machine.wait_for(r"^==> nobody is left", 120)
        machine.finish()


run(block_backend)
