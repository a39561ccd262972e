#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
import re

from harness import expect, hostile, needs, run

TEST = needs(guests=("warden", "attacks"), cpus=2, cost=16)


def attacks():
    """Every attack of a guest's is held, on one processor and on two, and nobody else notices anything."""
    for cpus in (1, 2):
        print(f"  with {cpus} processor{'s'[:cpus - 1]}:")
        text = hostile.run("attacks", cpus=cpus, seconds=180)
        begun = re.findall(r"^attacker: attack (\S+)", text, re.MULTILINE)
        held = re.findall(r"^attacker: held (\S+)", text, re.MULTILINE)
        broken = re.findall(r"^attacker: BROKEN (\S+)", text, re.MULTILINE)
        print(f"  {len(held)} attacks held")
        expect(not broken, f"broken: {', '.join(broken)}")
        expect(begun == held and len(held) >= 80, f"{len(begun)} attacks began, {len(held)} held")
        expect("end of the attacks, 0 broken" in text, "the attacks did not come to their end")


run(attacks)
