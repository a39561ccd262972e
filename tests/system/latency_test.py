#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
import re

from harness import boot_kernel, COUNTING, expect, guest, needs, run
from harness.hostile import CMDLINE

TEST = needs(guests=("latency",), cost=2)
BOUND = 2_000_000  # ns between what wakes a vCPU and its answer
LEEWAY = 0.02
SHARES = {  # of the CPU, in hundredths of a percent
    "weights 256 and 256": (5000, 5000),
    "weights 256 and 512": (3333, 6667),
    "the second capped at 25 percent": (7500, 2500),
    "both capped at 25 percent": (2500, 2500),
}


def latency():
    """Beside one and two busy guests a third answers events and timers within 2 ms; weights and caps are kept."""
    image = guest("latency")
    with boot_kernel(image, image, "", CMDLINE, ["-no-reboot", "-m", "512", "-smp", "1", *COUNTING]) as machine:
        machine.wait_for(r"^end of the latencies", 240, "the end of all measurements", unless=r"guest panic: .*\n")
        machine.finish()
        text = machine.text
    figures = re.findall(r"^(.*): (\d+) times, min (\d+) median (\d+) max (\d+) ns", text, re.MULTILINE)
    shares = {what: (int(first), int(second))
              for what, first, second in re.findall(r"^(.*): (\d+) and (\d+) of 10000", text, re.MULTILINE)}
    for what, times, least, median, most in figures:
        print(f"  {what:22} {times} times: {int(least):7,} {int(median):7,} {int(most):9,} ns (min, median, max)")
    for what, share in shares.items():
        print(f"  {what}: {share[0] / 100:.2f} % and {share[1] / 100:.2f} %")
    expect([what for what, *_ in figures] == [f"{count}, {event}" for count in ("one neighbour", "two neighbours")
                                              for event in ("event", "timer")], "not all wake-ups were measured")
    for what, times, *_, most in figures:
        expect(int(times) >= 200 and int(most) <= BOUND, f"{what}: {times} times, up to {most} ns")
    expect(list(shares) == list(SHARES), f"not all shares were measured: {list(shares)}")
    for what, share in shares.items():
        for got, due in zip(share, SHARES[what]):
            expect(abs(got - due) <= LEEWAY * due, f"{what}: {got / 100:.2f} % instead of {due / 100:.2f} %")


run(latency)
