#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
import secrets

from harness import boot_dom0, run


def dom0_shell():
    """What is typed on the machine's console reaches dom0's shell, long lines too."""
    with boot_dom0() as machine:
        machine.wait_for(r"dom0 \S+ # ", 30, "the shell's prompt")
        left, right = secrets.token_hex(8), secrets.token_hex(60)
        machine.send(f"echo {left}-''{right}")
        machine.wait_for(rf"^{left}-{right}\b", 30, "the answer")
        machine.send("poweroff -f")
        machine.finish()


run(dom0_shell)
