#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The last step of ./run: boots what was built and watches it.

boot.py demo --disc ISO                   GRUB, hypervisor, dom0, a guest; each step has a time limit
boot.py kernel --hypervisor FILE --kernel FILE [--initrd FILE] [--dom0-cmdline TEXT] [--hypervisor-cmdline TEXT]
               [-- QEMU ARGS]             any PV kernel as dom0, until it ends by itself
"""
import argparse
import os
import subprocess
import sys
import termios
import threading
import time
import tty

from machine import Failure, Machine, direct_boot, require_qemu, scratch_folder

here = os.path.dirname(os.path.abspath(__file__))

# What the console shows on the way, and how long each may take in the emulator, in seconds.
STEPS = [
    ("GRUB reads the disc", r"GRUB loads the hypervisor", 60),
    ("the hypervisor starts dom0's kernel", r"Linux version \S+", 180),
    ("dom0 reaches user space", r"==> dom0 is in user space.*", 180),
    ("dom0's daemons answer", r"==> dom0's daemons are up", 90),
    ("pvctl creates the guest", r"==> web is created.*", 60),
    ("the guest's kernel starts", r"Linux version \S+-cloud-\S+", 90),
    ("the guest reaches its shell", r"==> web is at its shell", 180),
    ("the guest is destroyed", r"==> web is destroyed", 60),
    ("both lists are right", r"==> demo complete", 60),
]


class Terminal:
    """Hands the keyboard to the machine, key by key; QEMU itself understands Ctrl-A X."""

    def __init__(self, machine):
        self.machine = machine
        self.settings = termios.tcgetattr(sys.stdin)

    def __enter__(self):
        tty.setraw(sys.stdin)
        threading.Thread(target=self._copy, daemon=True).start()
        return self

    def _copy(self):
        while data := os.read(sys.stdin.fileno(), 1024):
            self.machine.write(data)

    def __exit__(self, *_):
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self.settings)


def interactive():
    return sys.stdin.isatty() and sys.stdout.isatty()


def report(text):
    sys.stdout.buffer.write(f"\n\033[1m>>> {text}\033[0m\n".encode())
    sys.stdout.buffer.flush()


def demo(options):
    disc = ["-cdrom", options.disc, "-boot", "d", "-no-reboot"]
    begin = time.monotonic()
    with Machine(disc, echo=sys.stdout.buffer) as machine:
        for name, pattern, seconds in STEPS:
            try:
                machine.wait_for(pattern, seconds, unless=r"^==> FAILED: .*\n")
            except Failure as failure:
                raise Failure(f"{name}: {failure}") from None
            report(f"{time.monotonic() - begin:.0f} s: done: {name}")
        if interactive():
            machine.wait_for(r"This is dom0", 30)
            with Terminal(machine):
                machine.send("")
                machine.finish()
        else:
            machine.wait_for(r"This is dom0", 30)
            machine.send("poweroff -f")
            machine.finish(60)
            report(f"{time.monotonic() - begin:.0f} s: dom0 has powered off; every step succeeded")


def kernel(options):
    with scratch_folder() as folder:
        unpacked = f"{folder}/vmlinux"
        unpack = subprocess.run([f"{here}/unpack_kernel", options.kernel, unpacked], capture_output=True, text=True)
        if unpack.returncode:
            raise Failure(unpack.stderr.strip())
        arguments = direct_boot(folder, options.hypervisor, unpacked, options.initrd, options.hypervisor_cmdline,
                                options.dom0_cmdline)
        with Machine([*arguments, "-no-reboot", *options.qemu], echo=sys.stdout.buffer) as machine:
            if interactive():
                with Terminal(machine):
                    machine.finish()
            else:
                machine.finish()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("demo")
    command.add_argument("--disc", required=True)
    command = commands.add_parser("kernel")
    command.add_argument("--hypervisor", required=True)
    command.add_argument("--kernel", required=True)
    command.add_argument("--initrd")
    command.add_argument("--dom0-cmdline", default="console=hvc0")
    command.add_argument("--hypervisor-cmdline", default="console=com1 com1=115200,8n1")
    command.add_argument("qemu", nargs="*")
    options = parser.parse_args()
    require_qemu()
    try:
        (demo if options.command == "demo" else kernel)(options)
    except Failure as failure:
        sys.exit(f"\nrun: {failure}")
    except KeyboardInterrupt:
        sys.exit("\nrun: interrupted")


if __name__ == "__main__":
    main()
