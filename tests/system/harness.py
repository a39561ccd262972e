# SPDX-License-Identifier: MIT
"""What every system test is made of: dom0 in QEMU with a script of the test's own, and one verdict at the end.

A test is a Python file that ends with run(function). It runs by ctest, or by hand: tests/system/NAME_test.py. It says what
it waits for; a failure prints the end of the console. The build folder is $PARAVANE_BUILD, or build/ in the checkout.
"""
import contextlib
import math
import os
import sys
import time
from pathlib import Path

top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, f"{top}/dom0-tools/image")

from initramfs import Initramfs  # noqa: E402
from machine import Failure, Machine, direct_boot, patience, scratch_folder  # noqa: E402

build = os.environ.get("PARAVANE_BUILD", f"{top}/build")
images = f"{build}/images"
hypervisor = os.environ.get("PARAVANE_HYPERVISOR", f"{build}/debug/hypervisor/paravane")  # it checks itself
release = os.environ.get("PARAVANE_HYPERVISOR", f"{build}/hypervisor/paravane")  # what ./run boots, and is measured
hello = f"{build}/frontends/guests/hello"

HYPERVISOR_CMDLINE = "console=com1 com1=115200,8n1 dom0_mem=1024M loglvl=info guest_loglvl=info"
FAILED = r"^==> FAILED: .*\n"


class Watched:
    """A machine that says what it is waiting for, and how long that took."""

    def __init__(self, machine):
        self.machine = machine
        self.begin = time.monotonic()

    def _timed(self, what, action):
        print(f"  {time.monotonic() - self.begin:6.1f} s  waiting for {what}", flush=True)
        return action()

    def wait_for(self, pattern, seconds, what=None, unless=FAILED):
        return self._timed(what or f"/{pattern}/", lambda: self.machine.wait_for(pattern, seconds, unless))

    def send(self, line):
        self.machine.send(line)

    def press(self, keys):
        self.machine.write(keys)

    def finish(self, seconds=60):
        self._timed("the machine's end", lambda: self.machine.finish(seconds))


current = None  # the machine whose console a failure shows


@contextlib.contextmanager
def boot(arguments, concurrent=False):
    global current
    with Machine(arguments, concurrent=concurrent) as machine:
        current = machine
        yield Watched(machine)


@contextlib.contextmanager
def boot_kernel(kernel, initrd=None, dom0_cmdline="console=hvc0", hypervisor_cmdline=HYPERVISOR_CMDLINE, qemu=(),
                with_hypervisor=None, concurrent=False):
    """Any PV kernel as dom0, without a boot loader. No Linux on a `concurrent` machine: see machine.py."""
    with scratch_folder() as folder:
        arguments = direct_boot(folder, with_hypervisor or hypervisor, kernel, initrd, hypervisor_cmdline, dom0_cmdline)
        with boot([*arguments, *qemu], concurrent) as machine:
            yield machine


@contextlib.contextmanager
def boot_dom0(script=None, files=None, programs=(), words="", qemu=("-no-reboot",)):
    """Our dom0. `script` runs in it once the daemons are up, then dom0 powers off. `files` (path: text, or a Path to
    what is taken as it is) and `programs` (path: program, or programs for /usr/sbin) are added to its image."""
    if not isinstance(programs, dict):
        programs = {f"usr/sbin/{os.path.basename(program)}": program for program in programs}
    with scratch_folder() as folder:
        initrd = f"{folder}/test.cpio"
        added = Initramfs()
        for path, content in (files or {}).items():
            if isinstance(content, Path):
                added.file(path, content)
            else:
                added.text(path, content, 0o755 if content.startswith("#!") else 0o644)
        for path, program in programs.items():
            added.program(path, program)
        if script:
            added.text("usr/sbin/test_script", f"#!/bin/sh\n. /etc/paravane/functions\n{script}", 0o755)
            words += " paravane.run=test_script paravane.then=poweroff"
        with open(f"{images}/dom0.cpio", "rb") as base, open(initrd, "wb") as both:
            both.write(base.read() + added.bytes())
        words = f"console=hvc0 loglevel=4 paravane.patience={math.ceil(patience())} {words}"
        with boot_kernel(f"{images}/vmlinux-dom0", initrd, words, qemu=qemu) as machine:
            machine.wait_for(r"^==> dom0 is in user space", 240, "dom0 in user space")
            machine.wait_for(r"^==> dom0's daemons are up", 120, "dom0's daemons")
            yield machine


def expect(condition, otherwise):
    if not condition:
        raise Failure(otherwise)


def run(test):
    print(f"{test.__name__}: {(test.__doc__ or '').strip()}", flush=True)
    try:
        test()
    except Failure as failure:
        if current and current.seen_when_late:
            print(f"\n--- the processors, when it was too late ---\n{current.seen_when_late}--- end ---")
        if current:
            print(f"\n--- the end of the console ---\n{current.last_lines(60)}\n--- end ---")
        print(f"FAILED: {failure}")
        sys.exit(1)
    print("passed")
