#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
import sys

from harness import boot_dom0, needs, run

TEST = needs(dom0="shared", guests=("chatter",), cost=90, long=7200,
             files={"/boot/chatter": "{build}/frontends/guests/chatter"})


def console_backend():
    """Killed again and again, the console's backend loses no line and writes none twice; it is unprivileged, bounded and cheap."""
    kills = 500 if "--long" in sys.argv else 40
    with boot_dom0(TEST, str(kills)) as machine:
        machine.wait_for(r"^==> the backend is nobody", 240)
        machine.wait_for(r"^==> the backend needs nobody", 240)
        machine.wait_for(rf"^==> {kills} kills", 15 * kills)
        lines = machine.wait_for(r"^==> (\d+) lines, none lost and none twice", 240).group(1)
        flood = machine.wait_for(r"^==> the flood took (\d+) of (\d+) ticks for (\d+) lines", 240)
        private = machine.wait_for(r"^==> the backend has (\d+) KiB for itself", 240).group(1)
        machine.wait_for(r"^==> the console backend has held", 240)
        machine.finish()
    print(f"  {lines} lines; the flood took {flood[1]} of {flood[2]} ticks for {flood[3]} lines; the backend has {private} KiB for itself")


run(console_backend)
