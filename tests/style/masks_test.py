#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""masks_test.py IMAGE: in the hypervisor as it was compiled, a mask stands before each look into the table of hypercalls.

A compiler that has seen a number compared leaves out a mask that changes nothing then (docs/speculation.md).
"""
import re
import subprocess
import sys

SLOTS = 64
NEAR = 8  # instructions
image = sys.argv[1]
listing = subprocess.run(["objdump", "-dC", "--no-show-raw-insn", image], check=True, capture_output=True, text=True).stdout
lines = listing.splitlines()
looks, bare = 0, []
for number, line in enumerate(lines):
    if "<hv::hypercall_table>" not in line:
        continue
    looks += 1
    around = lines[max(0, number - NEAR):number + NEAR]
    if not any(re.search(rf"\band[lq]? +\$0x{SLOTS - 1:x},", near) for near in around):
        bare.append(line.strip())
print(f"{image}: {looks} looks into the table of hypercalls, {len(bare)} without a mask", *bare, sep="\n  ")
sys.exit(bool(bare) or looks < 2)
