# SPDX-License-Identifier: MIT
"""Linux as dom0, with our daemons, which does what a test has for it.

What a test has for dom0 are the files of tests/system/dom0/NAME, and what else it names in needs(): they are in /tests/NAME.
`run` is the script that dom0 runs there, with /tests/functions. A machine that tests share has the files of all of them, and is a
copy of one that has booted and waits for the name of a test.
"""
import contextlib
import glob
import math
import os
from pathlib import Path

from initramfs import Initramfs
from machine import direct_boot, patience_alone, scratch_folder

from . import places
from .audit import audits, next_audit
from .machines import Watched, boot, boot_kernel
from .needs import declared
from .snapshot import Snapshot, key_of
from .verdict import expect

system = f"{places.top}/tests/system"
KERNEL, INITRD = f"{places.images}/vmlinux-dom0", f"{places.images}/dom0.cpio"
FRESH = bool(os.environ.get("PARAVANE_FRESH"))  # each test boots for itself


def files_of(test):
    """Path in dom0: file here."""
    files = {f"/tests/{test.name}/{os.path.basename(path)}": path for path in glob.glob(f"{system}/dom0/{test.name}/*")}
    for path, pattern in test.files.items():
        found = glob.glob(pattern.format(build=places.build, top=places.top))
        expect(len(found) == 1, f"{test.name} needs one file {pattern}, there are {len(found)}")
        files[path] = found[0]
    return files


def everyone():
    return {**{f"/tests/{os.path.basename(path)}": path for path in glob.glob(f"{system}/dom0/*") if os.path.isfile(path)},
            "/usr/sbin/debug_key": f"{places.build}/tests/system/debug_key"}


def is_a_program(path):
    with open(path, "rb") as file:
        return file.read(4) == b"\x7fELF" and os.access(path, os.X_OK)


def image(path, files):
    """Dom0's, with more files (path in dom0: file here), programs with the libraries they need."""
    added = Initramfs()
    for name, source in files.items():
        if is_a_program(source):
            added.program(name, source)
        else:
            added.file(name, source)
    Path(path).write_bytes(Path(INITRD).read_bytes() + added.bytes())


def cmdline(words):
    return f"console=hvc0 loglevel=4 paravane.patience={math.ceil(4 * patience_alone())} {words}"


def wait_for_dom0(machine):
    machine.wait_for(r"^==> dom0 is in user space", 240, "dom0 in user space")
    machine.wait_for(r"^==> dom0's daemons are up", 120, "dom0's daemons")


@contextlib.contextmanager
def own_dom0(test, words="", files=None, qemu=("-no-reboot",)):
    """A boot of its own, of a machine with as many processors as the test needs."""
    with scratch_folder() as folder:
        initrd = f"{folder}/test.cpio"
        image(initrd, {**everyone(), **files_of(test), **(files or {})})
        with boot_kernel(KERNEL, initrd, cmdline(words), qemu=[*qemu, "-smp", str(test.cpus)]) as machine:
            wait_for_dom0(machine)
            yield machine


def sharers():
    """All tests that share a machine."""
    paths = sorted(glob.glob(f"{system}/*_test.py"))
    return [test for test in map(declared, paths) if test.dom0 == "shared"]


WORDS = "paravane.run=/tests/wait_for_test"


@contextlib.contextmanager
def shared_dom0():
    """A copy of the machine that waits for the name of a test."""
    files = {**everyone(), **{name: path for test in sharers() for name, path in files_of(test).items()}}
    words = cmdline(WORDS)
    key = key_of([places.hypervisor, KERNEL, INITRD, *files.values()], (sorted(files), words, places.HYPERVISOR_CMDLINE))
    snapshot = Snapshot(f"{places.build}/tests/system/dom0.shared", key)

    @contextlib.contextmanager
    def make(memory):
        print("  the machine that tests share boots", flush=True)
        initrd = f"{snapshot.folder}/initrd"
        image(initrd, files)
        with boot_kernel(KERNEL, initrd, words, qemu=["-no-reboot", "-smp", "1", *memory]) as machine:
            wait_for_dom0(machine)
            machine.wait_for(r"^==> waiting for a test", 60)
            yield machine

    with snapshot.arguments(make) as arguments, scratch_folder() as folder:
        arguments = [*direct_boot(folder, places.hypervisor, KERNEL, f"{snapshot.folder}/initrd", places.HYPERVISOR_CMDLINE, words),
                     "-no-reboot", "-smp", "1", *arguments]
        with boot(arguments) as machine:
            snapshot.start(machine.machine)
            yield machine


class Dom0(Watched):
    """A dom0 that runs what the test has for it, and must be as it was before in the end."""

    def __init__(self, watched, test, audited):
        super().__init__(watched.machine)
        self.test = test
        self.audited = audited

    def finish(self, seconds=60):
        status = self.wait_for(rf"^==> {self.test.name} ended with status (\d+)", seconds, "the script's end").group(1)
        expect(status == "0", f"the script ended with status {status}")
        if self.audited:
            audit = next_audit(self)
            expect(audit.ok and audit.domains == audits(self.text)[0].domains, f"the audit in the end: {audit.line}")
        super().finish(seconds)


@contextlib.contextmanager
def boot_dom0(test, *arguments, words="", files=None):
    """Dom0 runs tests/system/dom0/NAME/run with the arguments, and powers off."""
    # Another CPU that goes on meanwhile would make the audit find what is not there.
    audited = places.hypervisor == f"{places.build}/debug/hypervisor/paravane" and test.cpus == 1
    shared = test.dom0 == "shared" and not FRESH
    with shared_dom0() if shared else own_dom0(test, f"{WORDS} {words}", files) as machine:
        if not shared:
            machine.wait_for(r"^==> waiting for a test", 60)
        machine.send(" ".join([("audit" if audited else "plain"), test.name, *arguments]))
        if audited:
            expect(next_audit(machine).ok, "the audit found wrong counts at the start")
        yield Dom0(machine, test, audited)
