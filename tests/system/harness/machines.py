# SPDX-License-Identifier: MIT
"""Machines in QEMU, started in a few ways, and what is said while one waits for them."""
import contextlib
import re
import time

from machine import Failure, Machine, direct_boot, scratch_folder

from . import places
from .verdict import evidence

FAILED = r"^==> FAILED: .*\n"


class Watched:
    """A machine that says what it is waiting for, and how long that took."""

    def __init__(self, machine):
        self.machine = machine
        self.begin = time.monotonic()

    @property
    def text(self):
        return self.machine.text

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
        """Its end; nothing may have failed on the way, what was waited for may have come right behind it."""
        self._timed("the machine's end", lambda: self.machine.finish(seconds))
        if match := re.search(FAILED, self.text, re.MULTILINE):
            raise Failure(match.group().strip())


@contextlib.contextmanager
def boot(arguments, concurrent=False):
    with Machine(arguments, concurrent=concurrent) as machine, evidence(machine):
        yield Watched(machine)


@contextlib.contextmanager
def boot_kernel(kernel, initrd=None, dom0_cmdline="console=hvc0", hypervisor_cmdline=places.HYPERVISOR_CMDLINE, qemu=(),
                with_hypervisor=None, concurrent=False):
    """Any PV kernel as dom0, without a boot loader. No Linux on a `concurrent` machine: see machine.py."""
    with scratch_folder() as folder:
        arguments = direct_boot(folder, with_hypervisor or places.hypervisor, kernel, initrd, hypervisor_cmdline, dom0_cmdline)
        with boot([*arguments, *qemu], concurrent) as machine:
            yield machine
