# SPDX-License-Identifier: MIT
"""What the scripts that are tests expect, wait for, and end with."""
import os
import sys
import time

LIMIT = 60 * float(os.environ.get("PARAVANE_PATIENCE", "3"))  # seconds, far beyond what anything takes
_failed = []


def expect(condition, what):
    if not condition:
        _failed.append(what)
        print(f"FAILED: {what}")


def wait_until(condition, what):
    deadline = time.monotonic() + LIMIT
    while not condition():
        if time.monotonic() > deadline:
            sys.exit(f"FAILED: waited too long for {what}")
        time.sleep(0.02)


def finish():
    print(f"{len(_failed)} expectations failed" if _failed else "all is as expected")
    sys.exit(bool(_failed))
