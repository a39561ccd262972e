#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
import ctypes
import mmap
import subprocess
import sys
import time

from harness import boot_kernel, expect, hello, needs, release, run
from harness.hostile import CMDLINE

TEST = needs(hypervisor=("release",), guests=("hello",), cost=12, long=1200)
LOOPS = 8
MOST = 0.001  # of the frequency

RDTSC = bytes.fromhex("0f 31 48 c1 e2 20 48 09 d0 c3")  # rdtsc; shl $32, %rdx; or %rdx, %rax; ret


def host_khz(seconds=2):
    """The rate of this machine's own TSC, which is the emulator's, by the clock that the emulator follows."""
    code = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(RDTSC)
    read_tsc = ctypes.CFUNCTYPE(ctypes.c_uint64)(ctypes.addressof(ctypes.c_char.from_buffer(code)))

    def narrowest():
        def pair():
            before, tsc, after = time.monotonic_ns(), read_tsc(), time.monotonic_ns()
            return after - before, before, tsc
        return min(pair() for _ in range(1000))

    _, start, tsc_at_start = narrowest()
    time.sleep(seconds)
    _, end, tsc_at_end = narrowest()
    return (tsc_at_end - tsc_at_start) * 1_000_000 / (end - start)


def clock_under_load():
    """Beside eight busy loops the hypervisor reads the TSC's frequency right, each time that it starts."""
    boots = 30 if "--long" in sys.argv else 4
    loops = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(LOOPS)]
    try:
        truth = host_khz()
        print(f"  the machine's TSC runs at {truth:.0f} kHz")
        for boot in range(boots):
            with boot_kernel(hello, None, "exit=wait", CMDLINE, ["-no-reboot", "-m", "256"], release) as machine:
                line = machine.wait_for(r"time: TSC at (\d+) kHz, give or take (\d+), APIC timer at (\d+) kHz", 60)
            tsc, doubt, apic = map(int, line.groups())
            print(f"    {tsc} kHz, off by {abs(tsc / truth - 1):.6f}; APIC timer {apic} kHz")
            expect(abs(tsc / truth - 1) <= MOST, f"boot {boot}: {tsc} kHz, give or take {doubt}, are in truth {truth:.0f}")
            expect(abs(apic / 1_000_000 - 1) <= MOST, f"boot {boot}: the APIC timer at {apic} kHz, not at QEMU's 1 GHz")
            expect(doubt <= MOST * tsc, f"boot {boot}: a doubt of {doubt} kHz")
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


run(clock_under_load)
