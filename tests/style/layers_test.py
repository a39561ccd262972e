#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Who may know whom: each layer of the hypervisor, and each folder of its core, includes only those before it.

core's own files are what its folders are about: the headers (a domain, a vCPU, guest memory) are known to all of them, the
sources (a domain's life, the audit) know all of them but the hypercalls. Handlers take a hypercall apart; what they call knows
nothing of that.
"""
import pathlib
import re
import sys

LAYERS = ["public", "portable", "base", "core", "x86"]
CORE = ["hal", "mm", "sched", "event", "grant", "time", "pv", "control", "hypercall"]
ONLY_IN_HYPERCALL = re.compile(r"\b(HypercallArgs|Outcome)\b")

hypervisor = pathlib.Path(__file__).resolve().parents[2] / "hypervisor"
wrong = []


def place(path):
    """Layer and folder of core, as places in the two lists; what is in core itself is below its folders if it is a header."""
    parts = path.parts
    layer = LAYERS.index(parts[0])
    if parts[0] != "core":
        return layer, 0
    if len(parts) > 2:
        return layer, CORE.index(parts[1]) + 1
    return layer, 0 if path.suffix == ".hpp" else CORE.index("hypercall")


sources = [path.relative_to(hypervisor) for path in sorted(hypervisor.rglob("*")) if path.suffix in (".hpp", ".cpp", ".S", ".h")]
for source in sources:
    if source.parts[0] not in LAYERS:
        continue
    text = (hypervisor / source).read_text()
    is_data = source.parts[0] == "core" and len(source.parts) == 2 and source.suffix == ".hpp"
    for included in re.findall(r'^#include "([^"]+)"', text, re.MULTILINE):
        target = pathlib.PurePath(included)
        if target.parts[0] not in LAYERS or (is_data and target.parts[0] == "core"):
            continue
        if place(target) > place(source):
            wrong.append(f"{source} knows {included}")
    if source.parts[0] == "core" and source.parts[1] != "hypercall" and ONLY_IN_HYPERCALL.search(text):
        wrong.append(f"{source} knows how a hypercall comes in")

print(*wrong, sep="\n")
print(f"{len(sources)} files")
sys.exit(bool(wrong) or len(sources) < 100)
