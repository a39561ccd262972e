#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
import re

from harness import boot_dom0, expect, needs, run

TEST = needs(dom0="shared", cost=15)

# What the error has to speak of, so that a person knows what to mend.
ERRORS = {
    "missing": r"/boot/absent.*No such file",
    "noise": r"kernel /boot/noise: ",
    "no_notes": r"kernel /boot/busybox: .*Xen note",
    "truncated": r"kernel /boot/truncated: .*(truncated|ends|short)",
    "too_little": r"memory",
    "too_much": r"memory",
    "unknown_key": r"unknown_key\.yaml:6: unknown key \"colour\"",
    "bad_name": r"name",
    "taken": r"taken.*(taken|exists)",
}


def bad_guests():
    """Each bad domain gets its own clear error and leaves neither memory nor a domain nor xenstore nodes behind."""
    errors = {}
    with boot_dom0(TEST) as machine:
        for name in ERRORS:
            errors[name] = machine.wait_for(rf"^error of {name}: (.*)\n", 120).group(1)
            print(f"           {errors[name]}")
        machine.wait_for(r"^==> all were refused", 60)
        machine.finish()
    for name, pattern in ERRORS.items():
        expect(re.search(pattern, errors[name]), f"the error of {name} does not match /{pattern}/: {errors[name]}")
    expect(len(set(errors.values())) == len(errors), "two different mistakes give the same error")


run(bad_guests)
