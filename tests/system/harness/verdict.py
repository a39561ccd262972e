# SPDX-License-Identifier: MIT
"""One verdict at the end of a test. A failure takes along what its machine last said, which is shown with it."""
import contextlib
import sys

from machine import Failure


@contextlib.contextmanager
def evidence(machine):
    """A failure in here is one with this machine: whoever shows it, shows the end of its console."""
    try:
        yield machine
    except Failure as failure:
        if not hasattr(failure, "evidence"):
            late = getattr(machine, "seen_when_late", "")
            failure.evidence = (f"\n--- the processors, when it was too late ---\n{late}--- end ---\n" if late else "") \
                + f"\n--- the end of the console ---\n{machine.last_lines(60)}\n--- end ---"
        raise


def expect(condition, otherwise):
    if not condition:
        raise Failure(otherwise)


def run(test):
    print(f"{test.__name__}: {(test.__doc__ or '').strip()}", flush=True)
    try:
        test()
    except Failure as failure:
        print(getattr(failure, "evidence", ""))
        print(f"FAILED: {failure}")
        sys.exit(1)
    print("passed")
