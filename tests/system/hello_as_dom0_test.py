#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
import secrets
import subprocess
import sys

from harness import expect, hello, hypervisor, HYPERVISOR_CMDLINE, needs, patience, run, top

TEST = needs(guests=("hello", "hello-hypercall-page"), cost=2)


def hello_as_dom0():
    """A guest of ours boots as dom0 by the command behind ./run --dom0-kernel, which ends with it."""
    for kernel in (hello, f"{hello}-hypercall-page"):
        token = secrets.token_hex(16)
        print(f"  running {kernel} as dom0")
        done = subprocess.run([sys.executable, f"{top}/dom0-tools/image/boot.py", "kernel", "--hypervisor", hypervisor,
                               "--kernel", kernel, "--dom0-cmdline", f"hello {token}",
                               "--hypervisor-cmdline", HYPERVISOR_CMDLINE],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120 * patience())
        if done.returncode or token not in done.stdout:
            print(done.stdout[-4000:], done.stderr)
        expect(done.returncode == 0, f"it ended with status {done.returncode}: {done.stderr.strip()}")
        expect(token in done.stdout, "it did not print its command line")


run(hello_as_dom0)
