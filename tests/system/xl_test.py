#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
from harness import boot_dom0, expect, needs, next_audit, run

# What Debian installs into /usr/lib/xen-4.17/bin, unmodified. xl looks for the console client there.
TEST = needs(dom0="own", cpus=2, packages=("xen_to_compare",), cost=55, files={
    "/etc/paravane/start_daemons": "{top}/tests/system/dom0/xl/start_daemons",
    "/etc/xen/xl.conf": "{top}/tests/system/dom0/xl/xl.conf",
    "/usr/lib/xen-4.17/bin/xl": "{build}/debian/xen-utils-4.17/usr/lib/xen-4.17/bin/xl",
    "/usr/lib/xen-4.17/bin/xenstored": "{build}/debian/xen-utils-4.17/usr/lib/xen-4.17/bin/xenstored",
    "/usr/lib/xen-4.17/bin/xenconsoled": "{build}/debian/xen-utils-4.17/usr/lib/xen-4.17/bin/xenconsoled",
    "/usr/lib/xen-4.17/bin/xenconsole": "{build}/debian/xen-utils-4.17/usr/lib/xen-4.17/bin/xenconsole",
    "/usr/lib/xen-4.17/bin/xen-init-dom0": "{build}/debian/xen-utils-4.17/usr/lib/xen-4.17/bin/xen-init-dom0",
    "/usr/lib/xen-4.17/bin/xen-cpuid": "{build}/debian/xen-utils-4.17/usr/lib/xen-4.17/bin/xen-cpuid",
    "/usr/lib/xen-4.17/bin/libxl-save-helper": "{build}/debian/xen-utils-4.17/usr/lib/xen-4.17/bin/libxl-save-helper",
})


def xl():
    """Debian's own toolstack, unmodified, as the hypervisor's client: xl, xenstored and xenconsoled of Xen 4.17."""
    with boot_dom0(TEST) as machine:
        machine.wait_for(r"^==> xl has looked at the machine", 60)
        machine.wait_for(r"^==> a small guest was paused, unpaused and destroyed", 180)
        before = next_audit(machine)
        machine.wait_for(r"^==> Linux runs", 300)
        machine.wait_for(r"^==> Linux gave memory and took more", 180)
        machine.wait_for(r"^==> the console of Linux", 60)
        machine.wait_for(r"this is its shell", 60)  # what it has said so far comes first
        machine.send("echo typed-$((40 + 2))")
        machine.wait_for(r"^typed-42", 60)
        machine.press(b"\x1d")
        machine.wait_for(r"^==> back from the console", 60)
        after = next_audit(machine, 480)
        machine.wait_for(r"^==> all guests have gone", 60)
        machine.finish()
    print(f"  audit before: {before.line}\n  audit after:  {after.line}")
    expect(before.ok and after == before, "the audit found something that was not there before")


run(xl)
