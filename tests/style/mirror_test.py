#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Unit tests mirror the source: NAME_test.cpp stands in tests/unit at the path of a folder of the source, and tests what is there.

It does if it includes a header of that folder or of one below it, itself or by a helper that stands in tests/unit, or has its
name from a source there: core/hypercall/vcpu_op.cpp has no header, since a table names what it defines. Tests that are scripts
stand in folders of the source as well.
"""
import pathlib
import re
import sys

top = pathlib.Path(__file__).resolve().parents[2]
unit = top / "tests/unit"
SOURCE = ["hypervisor", "dom0-tools", "backends", "frontends"]
INCLUDED_FROM = ["hypervisor", "dom0-tools", "dom0-tools/lib", "backends"]  # what compilers are told


def included(path, text, seen):
    """The headers of the source that a test includes, and its helpers in tests/unit."""
    found = set()
    for name in re.findall(r'^#include "([^"]+)"', text, re.MULTILINE):
        helper = next((place for place in (path.parent / name, top / name) if place.is_relative_to(unit) and place.exists()), None)
        if helper and helper not in seen:
            seen.add(helper)
            found |= included(helper, helper.read_text(), seen)
        found |= {header for folder in INCLUDED_FROM if (header := top / folder / name).exists()}
    return found


def complaint(path, text):
    """What is wrong with a unit test at that path."""
    folder = top / path.parent.relative_to(unit)
    if folder == top or not any(folder.glob("*.?pp")):
        return f"{path.relative_to(top)}: {path.parent.relative_to(unit)} is no folder of the source"
    name = path.name.removesuffix("_test.cpp")
    if (folder / f"{name}.cpp").exists() or any(header.is_relative_to(folder) for header in included(path, text, set())):
        return None
    return f"{path.relative_to(top)}: tests nothing of {folder.relative_to(top)}"


# Each is a fault that this test has to see.
PLANTED = [
    ("hypervisor/mm/heap_test.cpp", '#include "core/mm/heap.hpp"\n'),
    ("heap_test.cpp", '#include "core/mm/heap.hpp"\n'),
    ("hypervisor/core/mm/heap_test.cpp", '#include "core/grant/table.hpp"\n'),
    ("hypervisor/core/mm/vcpu_op_test.cpp", '#include "hosted/world.hpp"\n'),
    ("hypervisor/core/grant/watchdog_test.cpp", '#include "tests/unit/hypervisor/core/sched/simulated_cpu.hpp"\n'),
    ("dom0-tools/lib/client_test.cpp", '#include "xenstore/client.hpp"\n'),
]

wrong = [f"not seen: {text!r} in {path}" for path, text in PLANTED if not complaint(unit / path, text)]
tests = sorted(unit.rglob("*_test.cpp"))
wrong += filter(None, (complaint(path, path.read_text()) for path in tests))
wrong += [f"{path.relative_to(top)} is not in tests/unit" for folder in SOURCE for path in sorted((top / folder).rglob("*_test.*"))]
wrong += [f"{path.relative_to(top)}: its folder is none of the source" for path in sorted(unit.rglob("*_test.*"))
          if path.parent != unit and not (top / path.parent.relative_to(unit)).is_dir()]
print(*wrong, sep="\n")
print(f"{len(tests)} tests")
sys.exit(bool(wrong) or len(tests) < 50)
