#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
from harness import boot_kernel, COUNTING, expect, HYPERVISOR_CMDLINE, images, needs, release, run, xen

TEST = needs(hypervisor=("release", "xen"), dom0="own", cost=35)
MOST = 0.8  # of Xen's instructions, from reset to /init


def instructions(name, with_hypervisor, started, base, options=""):
    """From reset to the hypervisor's last line before dom0 runs, and from there to its /init."""
    print(f"  on {name}:")
    with boot_kernel(f"{images}/vmlinux-dom0", f"{images}/guest.cpio", "console=hvc0 loglevel=4 act=poweroff",
                     HYPERVISOR_CMDLINE + options, ["-no-reboot", "-smp", "1", *COUNTING], with_hypervisor) as machine:
        start = int(machine.wait_for(started, 300, "dom0's start").group(1), base)
        init = int(machine.wait_for(r"/init reached, tsc (\d+),", 600, "/init").group(1))
        machine.finish()
    return {"reset to dom0's start": start, "dom0's start to /init": init - start, "the whole way": init}


def boot_time():
    """The same kernel and initramfs get to /init with at most 0.8 times the instructions that they need on Xen 4.17."""
    ours = instructions("Paravane", release, r"dom0 starts at TSC (\d+)", 10)
    theirs = instructions("Xen 4.17", xen, r"\[([0-9a-f]{16})\] Freed \d+kB init memory", 16,
                       " console_timestamps=raw")
    print(f"\n{'million instructions':24} {'ours':>9} {'Xen':>9} {'ratio':>6}")
    for stage, count in ours.items():
        print(f"{stage:24} {count / 1e6:9,.1f} {theirs[stage] / 1e6:9,.1f} {count / theirs[stage]:6.3f}")
    ratio = ours["the whole way"] / theirs["the whole way"]
    expect(ratio <= MOST, f"{ratio:.3f} times Xen's instructions are more than {MOST}")


run(boot_time)
