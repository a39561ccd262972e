#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
import secrets

from harness import needs, run, shared_dom0

TEST = needs(dom0="shared", cost=3)


def dom0_shell():
    """What is typed on the machine's console reaches dom0's shell, long lines too."""
    with shared_dom0() as machine:
        machine.send("")  # no test: dom0 goes on to its shell
        machine.wait_for(r"dom0 \S+ # ", 30, "the shell's prompt")
        left, right = secrets.token_hex(8), secrets.token_hex(60)
        machine.send(f"echo {left}-''{right}")
        machine.wait_for(rf"^{left}-{right}\b", 30, "the answer")
        machine.send("poweroff -f")
        machine.finish()


run(dom0_shell)
