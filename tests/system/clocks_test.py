#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
import re
import sys

from harness import boot_kernel, expect, guest, needs, run
from harness.hostile import CMDLINE

TEST = needs(guests=("clocks",), cpus=4, cost=5, long=300)
FAR = 1_000_000  # ns that two domains may be apart


def clocks():
    """Four vCPUs of dom0 and four of each of two guests read the time: never backward in a domain, 1 ms between them."""
    seconds = 60 if "--long" in sys.argv else 3
    image = guest("clocks")
    with boot_kernel(image, image, f"seconds={seconds}", CMDLINE, ["-no-reboot", "-m", "512", "-smp", "4"],
                     concurrent=True) as machine:
        machine.wait_for(r"^dom0 has 4 vCPUs", 60, unless="guest panic")
        machine.wait_for(r"^end of the clocks", seconds + 120, "the end of all clocks", unless="guest panic")
        machine.finish()
        text = machine.text
    expect("time: the TSC ran at" not in text, "over a minute the TSC was not as fast as measured at the start")
    expect(text.count("has ended, reason 0") == 2, "a domain did not end well")
    lines = re.findall(r"^(\w+): (\d+) readings, (\d+) went backward, by (\d+) ns at most", text, re.MULTILINE)
    expect([who for who, *_ in lines] == ["dom0", "first", "second", "everyone"], f"not all have reported: {lines}")
    for who, readings, backward, furthest in lines:
        print(f"  {who}: {readings} readings, {backward} backward, by {furthest} ns at most")
        expect(int(readings) >= 10_000 * seconds, f"{who}: too few readings to mean much")
        expect(int(furthest) <= (FAR if who == "everyone" else 0), f"time went back by {furthest} ns in {who}")


run(clocks)
