#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
import os
import re
import subprocess
import sys

from harness import build, expect, hello, hypervisor, run, top

# Where ours answers otherwise, with the reason. A line that is here and does not differ is an error as well.
DIFFERENCES = {}


def answers_of(image):
    """What the guest of frontends/guests/answers has printed, by operation."""
    done = subprocess.run([sys.executable, f"{top}/dom0-tools/image/boot.py", "kernel", "--hypervisor", image,
                           "--kernel", f"{os.path.dirname(hello)}/answers", "--hypervisor-cmdline",
                           "console=com1 com1=115200,8n1 dom0_mem=256M loglvl=none guest_loglvl=none"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240)
    expect("end of answers" in done.stdout, f"{image}: no end: {done.stdout[-2000:]}{done.stderr}")
    return dict(re.findall(r"^(\w[\w ]* \d+): (.*)$", done.stdout.replace("\r", ""), re.MULTILINE))


def answers():
    """Every operation of every hypercall, with four kinds of arguments: the errors are Xen's."""
    print("  waiting for ours")
    ours = answers_of(hypervisor)
    print("  waiting for Xen")
    xens = answers_of(f"{build}/images/xen")
    differ = {name for name in ours.keys() | xens.keys() if ours.get(name) != xens.get(name)}
    for name in sorted(differ ^ DIFFERENCES.keys()):
        print(f"  {name}:\n    ours {ours.get(name)}\n    Xen  {xens.get(name)}")
    print(f"  {len(ours)} operations asked, {len(differ)} answers differ")
    expect(len(ours) > 400, "too few operations were asked")
    expect(not differ - DIFFERENCES.keys(), "answers differ from Xen's")
    expect(not DIFFERENCES.keys() - differ, "answers are listed as different and are not")


run(answers)
