#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""image_test.py IMAGE: the image is what both kinds of boot loaders can load (docs/boot.md)."""
import struct
import sys

with open(sys.argv[1], "rb") as file:
    image = file.read()

program_offset, = struct.unpack_from("<Q", image, 32)
entry_size, count = struct.unpack_from("<HH", image, 54)
loads = []
for i in range(count):
    kind, _, offset, _, physical, in_file, in_memory, _ = struct.unpack_from("<IIQQQQQQ", image, program_offset + i * entry_size)
    if kind == 1:
        loads.append((offset, physical, in_file, in_memory))
filled = [load for load in loads if load[2]]
assert len({physical - offset for offset, physical, _, _ in filled}) == 1, "the file is not one flat run of memory"
assert all(physical % 4096 == 0 for _, physical, _, _ in loads)

header = image.find(struct.pack("<I", 0x1BADB002), 0, 8192)
assert header >= 0 and header % 4 == 0, "no multiboot 1 header in the first 8 KiB"
magic, flags, checksum, at, load, load_end, bss_end, entry = struct.unpack_from("<8I", image, header)
assert (magic + flags + checksum) % 2**32 == 0 and flags == 0x10003
assert load == filled[0][1] == 0x200000
assert at - load == header - filled[0][0], "the header is not where it says"
assert load_end == filled[-1][1] + filled[-1][2]
assert bss_end == loads[-1][1] + loads[-1][3]
assert load <= entry < load + filled[0][2]

header = image.find(struct.pack("<I", 0xE85250D6), 0, 32768)
assert header >= 0 and header % 8 == 0, "no multiboot 2 header in the first 32 KiB"
words = struct.unpack_from("<4I", image, header)
assert sum(words) % 2**32 == 0 and words[1] == 0
print("flat, with both headers")
