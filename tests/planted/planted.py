#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks that are taken out of a copy of the hypervisor, one at a time, to see whether a test notices.

Each is a patch with a header: what is gone, and who must notice.

    Check: bits of a table's entry                          Bug: a pin holds nothing
    Attack: tables.forbidden_bits: the attack: a superpage

attacks/ is for tests/system/planted_holes.py: each attack with how it shows there, by its own checks or because the machine,
the audit, the witness or dom0 suffer. model/ is for tests/model/planted_bugs.py. Where two checks stand one behind the other,
both are gone. What is held by an order of doing things (read once, then check, then use) has the wrong order, with a moment
between two reads, so that another CPU comes in between.

planted.py           says which patches do not apply to the tree as it is: a test of style
planted.py --table   attack, check, files and how it shows
"""
import contextlib
import dataclasses
import pathlib
import re
import subprocess
import sys

here = pathlib.Path(__file__).resolve().parent
top = here.parents[1]


@dataclasses.dataclass
class Planted:
    path: pathlib.Path
    name: str  # the check or the bug
    attacks: dict  # how each is noticed
    files: list  # from the top of the tree

    @staticmethod
    def read(path):
        text = path.read_text()
        header = dict(re.findall(r"^(Check|Bug): (.+)$", text, re.MULTILINE))
        if len(header) != 1:
            raise ValueError(f"{path}: neither one check nor one bug in its header")
        return Planted(path, *header.values(), dict(re.findall(r"^Attack: (\S+): (.+)$", text, re.MULTILINE)),
                       re.findall(r"^\+\+\+ b/(\S+)$", text, re.MULTILINE))

    def _patch(self, tree, *options):
        done = subprocess.run(["patch", "-p1", "-s", "-F0", "-f", "-r-", *options, "-d", str(tree), "-i", str(self.path)],
                              capture_output=True, text=True)
        if done.returncode:
            raise ValueError(f"{self.path.relative_to(top)} does not apply: {done.stdout.strip()}{done.stderr.strip()}")

    def check(self):
        self._patch(top, "--dry-run")

    @contextlib.contextmanager
    def applied(self, tree):
        """`tree` has the files of the patch; afterwards they are as they were."""
        originals = {file: (tree / file).read_bytes() for file in self.files}
        try:
            self._patch(tree, "--no-backup-if-mismatch")
            yield
        finally:
            for file, content in originals.items():
                (tree / file).write_bytes(content)


def read_all(folder):
    return [Planted.read(path) for path in sorted((here / folder).glob("*.patch"))]


def main():
    if sys.argv[1:] == ["--table"]:
        for hole in read_all("attacks"):
            for attack, shows in hole.attacks.items():
                print(attack, hole.name, ", ".join(file.removeprefix("hypervisor/") for file in hole.files), shows, sep="\t")
        return 0
    wrong = 0
    everything = read_all("attacks") + read_all("model")
    for planted in everything:
        try:
            planted.check()
        except ValueError as error:
            print(error)
            wrong += 1
    print(f"{len(everything) - wrong} of {len(everything)} patches apply")
    return 1 if wrong or not everything else 0


if __name__ == "__main__":
    sys.exit(main())
