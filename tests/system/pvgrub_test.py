#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
from pathlib import Path

from harness import boot_dom0, run

GRUB = Path("/usr/lib/grub-xen/grub-x86_64-xen.bin")
DOMAIN = "name: grub\nkernel: /boot/grub.bin\nmemory: 128MiB\n"
SCRIPT = r"""
log=/var/log/paravane/grub.log
pvctl create /etc/grub.yaml || failed "create"
wait_until 60 grep -aq "grub> " $log || failed "no prompt: $(tail -n 3 $log)"
mkfifo /tmp/keys
pvctl console grub </tmp/keys >/dev/null &
exec 3>/tmp/keys
printf 'halt\r' >&3
gone() { ! pvctl list | grep -q grub; }
wait_until 60 gone || failed "it did not power off: $(pvctl list)"
step "GRUB was there"
"""


def pvgrub():
    """Debian's GRUB for PV guests, a kernel with a hypercall page and devices of its own, comes to its prompt and obeys."""
    with boot_dom0(SCRIPT, {"/etc/grub.yaml": DOMAIN, "/boot/grub.bin": GRUB}) as machine:
        machine.wait_for(r"^==> GRUB was there", 240, "GRUB")
        machine.finish()


run(pvgrub)
