#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
import re

from harness import boot_dom0, expect, needs, run

TEST = needs(dom0="shared", cost=20)

HERE = "/tests/hostile_files"
ERRORS = {
    "device": rf"kernel {HERE}/vmlinuz: it is a character device$",
    "link": rf"kernel {HERE}/link: a link or \"\.\.\" in it leads outside of /tests$",
    "fifo": rf"kernel {HERE}/fifo: it is a FIFO$",
    "outside": r"kernel /proc/self/exe: it is in none of the allowed folders: /boot, ",
    "secret": r"initrd /etc/passwd: it is in none of the allowed folders: /boot, ",
    "unreadable": rf"kernel {HERE}/unreadable: Permission denied$",
    "bomb": rf"kernel {HERE}/bomb: lz4 payload: a chunk of nothing",
}
# Of the process that reads what they handed over: no user of dom0's, no rights, and a filter of system calls.
READER = {
    "Uid": r"970 970 970 970",
    "Gid": r"970 970 970 970",
    "Groups": r"",
    "CapPrm": r"0+",
    "CapEff": r"0+",
    "NoNewPrivs": r"1",
    "Seccomp": r"2",
}


def hostile_files():
    """Files that tenants hand over are refused by name and reason; who reads them has no rights, and stops nobody else."""
    with boot_dom0(TEST) as machine:
        for name, pattern in ERRORS.items():
            error = machine.wait_for(rf"^error of {name}: (.*)\n", 120).group(1).strip()
            expect(re.search(pattern, error), f"the error of {name} does not match /{pattern}/: {error}")
        for name, pattern in READER.items():
            value = machine.wait_for(rf"^reader: {name}:(.*)\n", 240).group(1).strip()
            expect(re.fullmatch(pattern, value), f"{name} of pvunpack is {value!r}")
        machine.wait_for(r"^==> nobody had to wait", 480)
        machine.finish()


run(hostile_files)
