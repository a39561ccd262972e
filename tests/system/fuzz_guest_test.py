#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
import re
import sys

from harness import expect, hostile, needs, run

TEST = needs(guests=("warden", "fuzz"), cpus=2, cost=12, long=1200)
CALLS, LONG_CALLS = 200_000, 5_000_000
SHARE = 30  # per cent of all calls that succeed at least
NEVER = {"privileged", "event bind_pirq", "mmuext flush_cache", "sched pin_override"}  # whatever the arguments
BESIDE = 5  # per cent of the calls at least, on two processors, between which the other vCPU has made some, too


def fuzz(calls, seed, cpus, seconds):
    text = hostile.run("fuzz", f"count={calls} seed={seed}", cpus, seconds)
    operations = re.findall(r"^attacker: operation (.*): (\d+) of (\d+)(, to be refused)?$", text, re.MULTILINE)
    total = re.search(r"^attacker: calls (\d+), succeeded (\d+), percent (\d+)", text, re.MULTILINE)
    expect(total and int(total[1]) >= calls, "the fuzzer did not make all its calls")
    for name, succeeded, made, refused in operations:
        print(f"    {name:42} {succeeded:>8} of {made:>8}{refused}")
    never = [name for name, succeeded, _, refused in operations if succeeded == "0" and not refused]
    print(f"  seed {seed}, {cpus} processor(s): {total[2]} of {total[1]} calls succeeded, {total[3]} %")
    expect(operations and len(operations) > 90, f"only {len(operations)} operations are reported")
    expect(f"{calls} calls on 2 vCPUs" in text, "there was no second vCPU")
    beside = int(re.search(r"^attacker: beside the other vCPU (\d+) percent", text, re.MULTILINE)[1])
    print(f"  between {beside} % of the calls of one vCPU, the other one made some")
    expect(cpus == 1 or beside >= BESIDE, "the two vCPUs did not run at the same time")
    edits = re.findall(r"^attacker: edited (.*): (\d+) times$", text, re.MULTILINE)
    print("  edited:", ", ".join(f"{what} {times}" for what, times in edits))
    expect(len(edits) == 8 and all(int(times) for _, times in edits), "some pages were not edited")
    forbidden = [name for name, succeeded, _, _ in operations if name in NEVER and succeeded != "0"]
    expect(not forbidden, f"must never succeed: {', '.join(forbidden)}")
    expect(not never, f"never succeeded: {', '.join(never)}")
    expect(int(total[3]) >= SHARE, f"only {total[3]} % succeeded")


def fuzz_guest():
    """Two vCPUs of a guest call anything and edit their tables meanwhile; nobody else notices, all counts stay right."""
    if "--long" in sys.argv:
        fuzz(LONG_CALLS // 2, 5, 1, 550)
        fuzz(LONG_CALLS // 2, 6, 2, 550)
    else:
        fuzz(CALLS // 2, 1, 1, 200)
        fuzz(CALLS // 2, 2, 2, 200)


run(fuzz_guest)
