# SPDX-License-Identifier: MIT
"""A machine of hostile guests: the warden as dom0, which makes a witness and an attacker of one image of ours, without Linux.

What must be true after every such run is checked here: the hypervisor's counts agree with what its audit finds, before, with
the domains still there and after; nothing is left of them; the witness and dom0 are unharmed.
"""
import os
import re

from . import places
from .audit import audits
from .machines import boot_kernel
from .verdict import expect

guests = os.path.dirname(places.hello)
CMDLINE = "console=com1 com1=115200,8n1 dom0_mem=64M loglvl=info guest_loglvl=info"

LEAVES_FPU_POINTERS = ["-cpu", "max,-smap,-xsaveerptr"]  # FIP, FDP and FOP, out of XSAVE and XRSTOR, as this emulator always does


def run(image, words="", cpus=1, seconds=120, hypervisor=None, options="", qemu=()):
    """Everything that the machine printed; raises Failure if something was harmed. `options` are the hypervisor's, `qemu` the
    emulator's."""
    with boot_kernel(f"{guests}/warden", f"{guests}/{image}", words, f"{CMDLINE} {options}",
                     ["-no-reboot", "-m", "512", "-smp", str(cpus), *qemu], hypervisor or places.hypervisor,
                     concurrent=cpus > 1) as machine:
        machine.wait_for(r"^the attacker has ended, reason (\d+)", seconds, f"the end of {image}", unless="guest panic")
        machine.wait_for(r"^the witness has ended, reason (\d+)", 30, "the witness")
        machine.wait_for(r"^dom0 is (\w+)", 60, "the last audit")
        machine.finish()
        text = machine.text
    check(text)
    return text


def check(text):
    expect("the attacker has ended, reason 0" in text, "the attacker did not end by itself")
    expect(re.search(r"^witness: unharmed after", text, re.MULTILINE), "the witness was harmed")
    expect("dom0 is unharmed" in text, "dom0 was harmed")
    found = audits(text)
    expect(len(found) == 3, f"{len(found)} audits, not 3")
    expect(all(audit.ok for audit in found), "the audit found wrong counts")
    first, _, last = found
    expect((first.frames, first.domains) == (last.frames, last.domains),
           f"frames or domains are left over: {first}, then {last}")
