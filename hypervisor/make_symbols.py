#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""make_symbols.py NM IMAGE OUTPUT: the functions of IMAGE as an assembly table, by address, for backtraces.

The table lies behind the code it describes, so that adding it moves no function.
"""
import re
import subprocess
import sys

nm, image, output = sys.argv[1:]
listing = subprocess.run([nm, "-n", "-C", image], check=True, capture_output=True, text=True).stdout
base = 0
functions = []
for line in listing.splitlines():
    match = re.match(r"([0-9a-f]{16}) (\w) (.+)", line)
    if not match:
        continue
    address, kind, name = int(match[1], 16), match[2], match[3]
    if name == "image_start":
        base = address
    if kind in "tTwW" and (not functions or functions[-1][0] != address):
        name = re.sub(r"\(anonymous namespace\)::", "", name)
        name = re.sub(r"\(.*$", "", name) or name
        functions.append((address, name[:96]))

with open(output, "w", encoding="ascii") as out:
    out.write('.section .rodata.symbols, "a"\n.balign 8\n.globl symbol_count\n')
    out.write(f"symbol_count: .quad {len(functions)}\n")
    for number, (address, _) in enumerate(functions):
        out.write(f".long {address - base}, name_{number} - names\n")
    out.write("names:\n")
    for number, (_, name) in enumerate(functions):
        out.write(f'name_{number}: .asciz "{name}"\n')
    out.write('.section .note.GNU-stack, "", @progbits\n')
