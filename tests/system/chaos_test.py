#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
import itertools
import re
import subprocess
import sys
import time

from harness import build, chaos, expect, hostile, needs, patience, run

TEST = needs(hypervisor=("chaos",), guests=("warden", "attacks", "fuzz"), cpus=4, cost=130, long=3600)
threads = f"{build}/tests/threads/thread_tests"
LONG = 20 * 60


def hostile_guest(image, words, cpus, seed):
    print(f"  {image} {words}, {cpus} processors, seed {seed}:")
    text = hostile.run(image, words, cpus, 600, chaos, f"chaos={seed}")
    expect(f"random waits at atomic steps, seed {seed}" in text, "the hypervisor does not wait")
    return text


def attacks(only, cpus, seed):
    text = hostile_guest("attacks", f"only={only}" if only else "", cpus, seed)
    begun = re.findall(r"^attacker: attack (\S+)", text, re.MULTILINE)
    held = re.findall(r"^attacker: held (\S+)", text, re.MULTILINE)
    expect(begun and begun == held, f"of {len(begun)} attacks {len(held)} held")
    expect("end of the attacks, 0 broken" in text, "the attacks did not come to their end")


def fuzz(calls, cpus, seed):
    text = hostile_guest("fuzz", f"count={calls} seed={seed}", cpus, seed)
    total = re.search(r"^attacker: calls (\d+), succeeded (\d+)", text, re.MULTILINE)
    expect(total and int(total[1]) >= calls, "the fuzzer did not make all its calls")


def hosted(seed):
    """The thread tests, with the waits in the hosted core."""
    print(f"  thread tests, seed {seed}:", flush=True)
    subprocess.run([threads, "--gtest_brief=1"], env={"PARAVANE_CHAOS": str(seed)}, check=True, timeout=600 * patience())


def chaos_build():
    """With random waits at all atomic steps every attack is held and all counts stay right."""
    if "--long" not in sys.argv:
        for cpus in (2, 4):
            attacks("races", cpus, cpus)
            fuzz(4_000, cpus, cpus)
        return  # the thread tests with waits are tests of their own, chaos.*
    end = time.monotonic() + LONG
    for seed in itertools.count(10):
        if time.monotonic() > end:
            break
        attacks("", 2 + seed % 2 * 2, seed)
        fuzz(60_000, 4 - seed % 2 * 2, seed)
        hosted(seed)


run(chaos_build)
