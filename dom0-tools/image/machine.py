# SPDX-License-Identifier: MIT
"""A PC in QEMU whose serial console is followed: start it, wait for what it prints, type, wait for its end.

./run and the system tests drive the same machine. QEMU runs without KVM on purpose: Paravane needs no hardware support,
and what works here works in any cloud VM. SMAP is off because QEMU 7.2 checks it wrongly on an IRET in ring 3.

All processors take turns in one thread, unless the machine is `concurrent`: in several threads QEMU 7.2 keeps a stale
translation of an INT3 when Linux patches its own text while another processor runs there, and that Linux hangs, on Xen as well.
Only guests of ours, which patch nothing, may run so.
"""
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

QEMU = ["qemu-system-x86_64", "-machine", "pc", "-cpu", "max,-smap", "-m", "4096", "-display", "none",
        "-vga", "none", "-nic", "none", "-serial", "mon:stdio"]

# The counting emulator: every instruction takes one nanosecond, idle time is skipped, each run is the same.
COUNTING = ["-icount", "shift=0,sleep=off", "-rtc", "base=2024-01-01T00:00:00,clock=vm", "-seed", "1"]

PANIC = re.compile(r"^.*(?:\(pv\) PANIC|Panic on CPU).*$", re.MULTILINE)
DOM0_CRASH = re.compile(r"^.*(?:Dom0 crashed|d0: crashed|domain 0 crashed).*$", re.MULTILINE | re.IGNORECASE)
TERMINAL_CODES = re.compile(rb"\x1b(?:\[[0-9;?=]*[A-Za-z]|c)")


class Failure(Exception):
    """One line that says which expectation was not met."""


def patience():
    """A factor for all time limits. They find what hangs and measure nothing: a machine may be slow, or busy."""
    return patience_alone() * max(1, os.getloadavg()[0] / os.cpu_count())


def patience_alone():
    """The part of it that does not depend on what else the machine does just now."""
    return float(os.environ.get("PARAVANE_PATIENCE", "3"))


def plain(data):
    """What a console has received, without codes for terminals."""
    return TERMINAL_CODES.sub(b"", data).decode(errors="replace").replace("\r", "")


class Emulator:
    """A process with a scratch folder of its own. Neither outlives the `with` statement."""

    def __init__(self):
        self.folder = scratch_folder()
        self.position = 0  # wait_for looks from here on

    def start(self, arguments, stdout):
        self.process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=stdout, stderr=subprocess.STDOUT)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.folder.cleanup()


class Machine(Emulator):
    def __init__(self, arguments, echo=None, concurrent=False):
        super().__init__()
        self.echo = echo  # a binary stream that gets everything the machine prints
        self.seen_when_late = ""  # what the processors did when a time limit had passed
        self.text = ""
        self.changed = threading.Condition()
        self.ended = False
        self.start([*QEMU, "-accel", "tcg,thread=multi" if concurrent else "tcg,thread=single",
                    "-monitor", f"unix:{self.folder.name}/monitor,server=on,wait=off", *arguments], subprocess.PIPE)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        while data := os.read(self.process.stdout.fileno(), 65536):
            if self.echo:
                self.echo.write(data if self.echo.isatty() else TERMINAL_CODES.sub(b"", data))
                self.echo.flush()
            with self.changed:
                self.text += plain(data)
                self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def __exit__(self, *about):
        super().__exit__(*about)
        self.reader.join()

    def monitor(self, commands):
        """What QEMU's monitor answers; as much as came if it does not answer in time."""
        answer = b""
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(10 * patience())
                connection.connect(f"{self.folder.name}/monitor")
                for command in ("", *commands):  # first its greeting
                    if command:
                        connection.sendall(command.encode() + b"\n")
                    end = len(answer)
                    while b"(qemu) " not in answer[end:]:
                        data = connection.recv(65536)
                        if not data:
                            return answer.decode(errors="replace")
                        answer += data
        except OSError as error:
            answer += f"(no answer: {error})".encode()
        return plain(answer)

    def look(self, times=3):
        """What all processors do, some times: where they are, and the instructions there. One that is at #BP again and again
        (v=03, or its handler) while memory holds no INT3 where it came from is the emulator's fault."""
        seen = ""
        for i in range(times):
            if i:
                time.sleep(1)
            registers = self.monitor(["info registers -a"])
            cpus = len(re.findall(r"^CPU#\d+", registers, re.MULTILINE))
            code = self.monitor([line for cpu in range(cpus) for line in (f"cpu {cpu}", "x /6i $pc")])
            seen += f"--- look {i + 1} ---\n{registers}\n{code}\n"
        return seen

    def wait_for(self, pattern, seconds, unless=None):
        """The match of `pattern` in what is printed after the last match; fails as soon as `unless` is seen."""
        expression = re.compile(pattern, re.MULTILINE)
        deadline = time.monotonic() + seconds * patience()
        with self.changed:
            while True:
                if match := expression.search(self.text, self.position):
                    self.position = match.end()
                    return match
                for bad in filter(None, (PANIC, unless and re.compile(unless, re.MULTILINE))):
                    if match := bad.search(self.text, self.position):
                        self.changed.wait(2)  # what follows the line helps to understand it
                        raise Failure(f"instead of /{pattern}/ came: {match.group().strip()}")
                if self.ended:
                    raise Failure(f"the machine ended, /{pattern}/ never came")
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self.changed.wait(left)
        self.seen_when_late = self.look()
        raise Failure(f"/{pattern}/ did not come within {seconds * patience():.0f} s")

    def send(self, line):
        self.write(line.encode() + b"\r")

    def write(self, data):
        try:
            self.process.stdin.write(data)
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # it has just ended; whoever waits for it will see that

    def finish(self, seconds=None):
        """Waits until the machine has switched itself off, or rebooted under -no-reboot."""
        deadline = None if seconds is None else time.monotonic() + seconds * patience()
        with self.changed:
            while not self.ended:
                if match := PANIC.search(self.text):
                    self.changed.wait_for(lambda: self.ended, 5)
                    raise Failure(f"the hypervisor panicked: {match.group().strip()}")
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    break
                self.changed.wait(left)
        if not self.ended:
            self.seen_when_late = self.look()
            raise Failure(f"the machine did not end within {seconds * patience():.0f} s")
        status = self.process.wait()
        if status != 0:
            raise Failure(f"QEMU ended with status {status}: {self.text.strip().splitlines()[-1:]}")
        for bad in (PANIC, DOM0_CRASH):
            if match := bad.search(self.text):
                raise Failure(f"the machine ended after: {match.group().strip()}")

    def last_lines(self, count=40):
        return "\n".join(self.text.splitlines()[-count:])


def direct_boot(folder, hypervisor, kernel, initrd=None, hypervisor_cmdline="", dom0_cmdline="console=hvc0"):
    """QEMU's arguments to load hypervisor, kernel and initrd without a boot loader (multiboot 1).

    QEMU splits the module list at commas and each module at its first space, so the files get plain names in `folder`.
    """
    for name, path in (("hypervisor", hypervisor), ("kernel", kernel), ("initrd", initrd)):
        if path:
            if not os.path.isfile(path):
                raise Failure(f"no file {path}")
            os.symlink(os.path.abspath(path), f"{folder}/{name}")
    modules = f"{folder}/kernel {dom0_cmdline}".replace(",", ",,") + (f",{folder}/initrd" if initrd else "")
    return ["-kernel", f"{folder}/hypervisor", "-append", hypervisor_cmdline, "-initrd", modules]


def scratch_folder():
    """A temporary folder whose name QEMU's option parser leaves alone."""
    return tempfile.TemporaryDirectory(prefix="paravane-", dir="/tmp")


def require_qemu():
    if not shutil.which(QEMU[0]):
        sys.exit(f"{QEMU[0]} is missing: ./run --build installs it")
