#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
import sys
from pathlib import Path

from harness import boot_dom0, expect, FAILED, images, Initramfs, needs, next_audit, run, scratch_folder, top

TEST = needs(dom0="own", cpus=4, cost=700, long=1200, daily=False, files={"/usr/bin/stress-ng": "/usr/bin/stress-ng"})
FILES = f"{top}/tests/system/dom0/stress_ng"
TROUBLE = r"BUG:|WARNING:|Oops|INFO: (rcu|task)|rcu.*stall|[Ll]ockup|blocked for more than|Call Trace|SIGSEGV|segfault"


def stress_ng():
    """Debian's stress-ng on four vCPUs of dom0 and four of a guest at once, while CPUs are unplugged and replugged."""
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    seconds = numbers[0] if numbers else 600
    guest = Initramfs()
    guest.program("usr/bin/stress-ng", "/usr/bin/stress-ng")
    guest.file("usr/sbin/stress", f"{FILES}/stress")
    guest.file("sbin/stress_init", f"{FILES}/guest_init", 0o755)
    with scratch_folder() as folder:
        initrd = Path(folder, "initrd")
        initrd.write_bytes(Path(images, "guest.cpio").read_bytes() + guest.bytes())
        with boot_dom0(TEST, str(seconds), words="loglevel=5", files={"/boot/initrd-stress": initrd}) as machine:
            before = next_audit(machine)
            unless = f"{FAILED}|^.*({TROUBLE}).*$"
            rounds = machine.wait_for(r"^stress: (\d+) rounds, 4 CPUs in the end", seconds + 240, "dom0's end", unless)
            machine.wait_for(r"^stress: \d+ rounds, 4 CPUs in the end", 300, "the guest's end", unless)
            after = next_audit(machine)
            machine.wait_for(r"^==> all stressors have ended", 60, unless=unless)
            machine.finish()
    print(f"  dom0's CPUs were unplugged {3 * int(rounds.group(1))} times")
    print(f"  audit before: {before.line}\n  audit after:  {after.line}")
    expect(before.ok and after == before, "the audit found something that was not there before")
    expect(int(rounds.group(1)) >= seconds // 60, "hardly any CPU was unplugged")


run(stress_ng)
