#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a test needs, said once, at its top: TEST = needs(...). The values are literals, since they are read in two ways: by
the test itself when it runs, and without running it by this program, which writes CMake's targets, names, costs and
dependencies of all tests.

needs.py OUT TEST...
"""
import ast
import os
import sys
from dataclasses import dataclass, field

HYPERVISORS = {"debug": "debug", "release": "paravane", "chaos": "chaos", "xen": "xen_to_compare"}  # and their targets


@dataclass(frozen=True)
class Needs:
    name: str
    cost: int  # seconds on an idle machine: the longest test is started first
    hypervisor: tuple = ("debug",)
    cpus: int = 1  # the most that one of its machines has
    dom0: str = ""  # Linux as dom0: "shared" is a copy of the machine that all such tests share, "own" one of its own
    guests: tuple = ()  # of frontends/guests
    programs: tuple = ()  # built by tests/system
    packages: tuple = ()  # targets that fetch packages of Debian's
    files: dict = field(default_factory=dict)  # path in dom0: file here, with {build} and {top}
    long: int = 0  # seconds that the test may take with --long, as long.NAME
    daily: bool = True  # false: it is long.NAME only

    def __post_init__(self):
        unknown = [name for name in self.hypervisor if name not in HYPERVISORS]
        if unknown or self.dom0 not in ("", "shared", "own") or (self.dom0 == "shared" and self.cpus != 1):
            raise ValueError(f"{self.name}: nobody can give it what it needs: {self}")

    def targets(self):
        return [*(HYPERVISORS[name] for name in self.hypervisor), *(["initramfs"] if self.dom0 else []),
                *self.guests, *self.programs, *self.packages]


def name_of(path):
    return os.path.basename(path).removesuffix(".py").removesuffix("_test")


def needs(**what):
    """Of the file that calls it."""
    return Needs(**{"name": name_of(sys._getframe(1).f_globals["__file__"]), **what})


def declared(path):
    """What the test in this file needs, without running it."""
    with open(path, encoding="utf-8") as file:
        tree = ast.parse(file.read(), path)
    calls = [node.value for node in tree.body if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
             and getattr(node.value.func, "id", "") == "needs"]
    if len(calls) != 1:
        raise ValueError(f"{path} does not say what it needs: TEST = needs(...)")
    return Needs(**{"name": name_of(path), **{word.arg: ast.literal_eval(word.value) for word in calls[0].keywords}})


def main():
    lines = []
    for path in sys.argv[2:]:
        test = declared(path)
        words = [test.name, f'"{path}"', f'"{";".join(test.targets())}"']
        if test.daily:
            label = "system;dom0.shared" if test.dom0 == "shared" else "system"
            lines.append(f'add_system_test({" ".join(words)} "{label}" {test.cost})')
        if test.long:
            lines.append(f'add_long_test({" ".join(words)} {test.long} --long)')
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
