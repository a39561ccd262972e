#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
from harness import boot_dom0, needs, run

TEST = needs(dom0="shared", guests=("chatter",), cost=90,
             files={"/boot/chatter": "{build}/frontends/guests/chatter"})


def console_backend():
    """Killed 40 times, the console's backend loses no line and writes none twice; it is unprivileged, bounded and cheap."""
    with boot_dom0(TEST) as machine:
        machine.wait_for(r"^==> the backend is nobody", 240)
        machine.wait_for(r"^==> the backend needs nobody", 240)
        machine.wait_for(r"^==> 40 kills", 600)
        lines = machine.wait_for(r"^==> (\d+) lines, none lost and none twice", 240).group(1)
        flood = machine.wait_for(r"^==> the flood took (\d+) of (\d+) ticks for (\d+) lines", 240)
        machine.wait_for(r"^==> the console backend has held", 240)
        machine.finish()
    print(f"  {lines} lines; the flood took {flood[1]} of {flood[2]} ticks for {flood[3]} lines")


run(console_backend)
