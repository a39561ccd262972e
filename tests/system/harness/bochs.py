# SPDX-License-Identifier: MIT
"""A PC in Bochs, whose models of real processors are a second opinion beside QEMU's. Boots a disc; what it prints is followed.

Known of Bochs 2.7: XSAVEC stores AVX state over its header; the #DB behind MOV SS is lost, and so is the one that SYSRET
takes at its target when it sets TF; its TLB knows no tags. It ends when the machine turns itself off, and the last line
may be cut then: nothing waits for that end alone.
"""
import os
import re
import time

from machine import PANIC, Emulator, Failure, patience, plain

CONFIGURATION = """\
display_library: rfb, options="timeout=0"
memory: guest={memory}, host={memory}
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
cpu: model={model}, count={cpus}, ips=150000000, reset_on_triple_fault=0, ignore_bad_msrs=1
clock: sync=none, time0=utc
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path={disc}, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev={folder}/serial
log: {folder}/log
panic: action=fatal
error: action=report
info: action=ignore
debug: action=ignore
sound: driver=dummy
speaker: enabled=0
"""


class Bochs(Emulator):
    def __init__(self, disc, model, cpus=1, memory=1024):
        super().__init__()
        folder = self.folder.name
        with open(f"{folder}/bochsrc", "w", encoding="ascii") as file:
            file.write(CONFIGURATION.format(disc=os.path.abspath(disc), model=model, cpus=cpus, memory=memory, folder=folder))
        with open(f"{folder}/serial", "wb"), open(f"{folder}/out", "wb") as out:
            self.start(["bochs-bin", "-q", "-f", f"{folder}/bochsrc", "-rc", "/dev/null"], out)
        self.process.stdin.write(b"c\n")  # Debian's starts in its debugger: go on
        self.process.stdin.flush()

    @property
    def text(self):
        with open(f"{self.folder.name}/serial", "rb") as file:
            return plain(file.read())

    def complaints(self):
        """What Bochs itself says of its end."""
        lines = []
        for name in ("log", "out"):
            with open(f"{self.folder.name}/{name}", encoding="ascii", errors="replace") as file:
                lines += [line.strip() for line in file if re.search(r"PANIC|triple|panic", line)]
        return lines[:5]

    def wait_for(self, pattern, seconds, unless=None):
        """The match of `pattern` behind the last match; fails as soon as `unless` is seen, or the machine has ended."""
        deadline = time.monotonic() + seconds * patience()
        bad = [PANIC, *([re.compile(unless, re.MULTILINE)] if unless else [])]
        while True:
            ended = self.process.poll() is not None  # before the text is read, which is whole then
            text = self.text
            if match := re.compile(pattern, re.MULTILINE).search(text, self.position):
                self.position = match.end()
                return match
            for expression in bad:
                if match := expression.search(text, self.position):
                    raise Failure(f"instead of /{pattern}/ came: {match.group().strip()}")
            if ended:
                raise Failure(f"Bochs ended, /{pattern}/ never came; it says: {self.complaints()}")
            if time.monotonic() > deadline:
                raise Failure(f"/{pattern}/ did not come within {seconds * patience():.0f} s")
            time.sleep(0.25)

    def wait_until_off(self, seconds):
        """The machine turns itself off: Bochs ends."""
        try:
            self.process.wait(seconds * patience())
        except subprocess.TimeoutExpired:
            raise Failure(f"the machine did not turn off within {seconds * patience():.0f} s") from None

    def last_lines(self, count=40):
        return "\n".join(self.text.splitlines()[-count:])
