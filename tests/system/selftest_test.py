#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
import re
import subprocess
import sys

from harness import expect, guest, hypervisor, HYPERVISOR_CMDLINE, needs, patience, run, top

TEST = needs(guests=("selftest", "selftest-hypercall-page", "selftest-init-p2m"), cost=3)


def selftest_as_dom0():
    """The guest that tests the PV interface from inside passes every check, by every way a kernel may be built."""
    for name in ("selftest", "selftest-hypercall-page", "selftest-init-p2m"):
        kernel = guest(name)
        print(f"  waiting for the verdict of {name}")
        done = subprocess.run([sys.executable, f"{top}/dom0-tools/image/boot.py", "kernel", "--hypervisor", hypervisor,
                               "--kernel", kernel, "--dom0-cmdline", "exit=poweroff",
                               "--hypervisor-cmdline", HYPERVISOR_CMDLINE],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240 * patience())
        verdict = re.search(r"^(\d+) checks passed, (\d+) failed", done.stdout, re.MULTILINE)
        if not verdict or verdict[2] != "0" or done.returncode:
            print("\n".join(re.findall(r"^FAIL.*", done.stdout, re.MULTILINE)), done.stdout[-2000:], done.stderr)
        expect(verdict is not None, f"{name} came to no verdict, status {done.returncode}")
        expect(int(verdict[1]) > 900 and verdict[2] == "0", f"{name}: {verdict[0]}")
        expect(done.returncode == 0, f"{name} ended with status {done.returncode}")
        print(f"  {verdict[0]}")


run(selftest_as_dom0)
