# SPDX-License-Identifier: MIT
"""A machine as it was at one moment, kept in a folder, and any number of machines that go on from there.

The memory is a file of its own, which QEMU's migration leaves out (x-ignore-shared): the machine that is kept shares it, the
copies map it privately. So a copy starts at once, and what it does reaches nobody. Whoever needs a snapshot that is not there,
or was made of other files, makes it; others wait meanwhile.
"""
import contextlib
import fcntl
import hashlib
import os
import shlex
import shutil
import time

from machine import QEMU, Failure, patience

MEMORY = QEMU[QEMU.index("-m") + 1]


def key_of(paths, words):
    """Changes with each of the files and of the words."""
    state = [(path, status.st_size, status.st_mtime_ns) for path in paths for status in [os.stat(path)]]
    return hashlib.sha256(repr((sorted(state), words, QEMU)).encode()).hexdigest()


class Snapshot:
    def __init__(self, folder, key):
        self.folder = folder
        self.key = key

    def _memory(self, share):
        """QEMU's arguments: as many MiB as the harness gives its machines."""
        return ["-object", f"memory-backend-file,id=ram,mem-path={self.folder}/memory,size={MEMORY}M,share={share}",
                "-machine", "memory-backend=ram"]

    def _is_there(self):
        try:
            with open(f"{self.folder}/key", encoding="ascii") as file:
                return file.read() == self.key
        except FileNotFoundError:
            return False

    @contextlib.contextmanager
    def arguments(self, make):
        """What a copy of the machine is started with, beside what it was made with. make(arguments) is a context of the
        machine to keep, at the moment to keep it at. Nobody replaces the snapshot before the context has ended."""
        os.makedirs(self.folder, exist_ok=True)
        if shutil.disk_usage(self.folder).free < 4 << 30:
            raise Failure(f"no room for a snapshot in {self.folder}")
        with open(f"{self.folder}/lock", "w", encoding="ascii") as lock:
            while fcntl.flock(lock, fcntl.LOCK_SH) or not self._is_there():
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not self._is_there():
                    self._make(make)
            yield [*self._memory("off"), "-incoming", "defer"]

    def _make(self, make):
        for name in ("key", "memory", "state"):
            with contextlib.suppress(FileNotFoundError):
                os.remove(f"{self.folder}/{name}")
        with make(self._memory("on")) as machine:
            self._keep(machine.machine)
        with open(f"{self.folder}/key", "w", encoding="ascii") as file:
            file.write(self.key)

    def _keep(self, machine):
        self._migrate(machine, f"migrate {self._quoted('cat >')}", "info migrate", "Migration status: completed", "failed")

    def start(self, machine):
        """Loads a copy; it goes on."""
        self._migrate(machine, f"migrate_incoming {self._quoted('cat')}", "info status", "VM status: running", "internal-error")

    def _quoted(self, command):
        return f'"exec:{command} {shlex.quote(self.folder)}/state"'

    @staticmethod
    def _migrate(machine, command, question, done, failed):
        deadline = time.monotonic() + 60 * patience()
        answer = ""
        while "QEMU" not in answer:  # it has only just started, and has no monitor yet
            answer = machine.monitor(["migrate_set_capability x-ignore-shared on"])
            _look_at(answer, deadline, machine)
        machine.monitor([command])
        while done not in answer:
            answer = machine.monitor([question])
            if failed in answer:
                raise Failure(f"QEMU's {command} failed: {answer}")
            _look_at(answer, deadline, machine)


def _look_at(answer, deadline, machine):
    if machine.ended or time.monotonic() > deadline:
        raise Failure(f"a snapshot was neither kept nor loaded: {answer}")
    time.sleep(0.02)
