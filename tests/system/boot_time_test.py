#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
from harness import HYPERVISOR_CMDLINE, boot_kernel, expect, images, release, run
from machine import COUNTING


def time_at_init(name, with_hypervisor):
    print(f"  on {name}:")
    with boot_kernel(f"{images}/vmlinux-dom0", f"{images}/guest.cpio", "console=hvc0 loglevel=4 act=poweroff",
                     HYPERVISOR_CMDLINE, ["-no-reboot", "-smp", "1", *COUNTING], with_hypervisor) as machine:
        reached = machine.wait_for(r"/init reached, tsc (\d+), uptime ([\d.]+)\n", 600, "/init")
        machine.finish()
    seconds = int(reached.group(1)) / 1e9  # in the counting emulator the time stamp counter runs at 1 GHz
    print(f"  on {name}: /init at {seconds:.3f} s since power-on (the kernel's own clock: {reached.group(2)} s)")
    return seconds


def boot_time():
    """The same kernel and initramfs get to /init at no more virtual time than on Debian's Xen 4.17."""
    ours = time_at_init("Paravane", release)
    xen = time_at_init("Xen 4.17", f"{images}/xen")
    expect(ours <= xen, f"{ours:.3f} s is more than Xen's {xen:.3f} s")


run(boot_time)
