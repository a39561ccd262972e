#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
from harness import boot_dom0, run

SCRIPT = """
for name in left right; do
    sed "s/NAME/$name/g" /etc/guest.yaml >/tmp/$name.yaml
    pvctl create /tmp/$name.yaml || failed "create $name"
done
for name in left right; do
    wait_until 240 grep -q "guest: staying" /var/log/paravane/$name.log || failed "$name did not get to its end"
    grep -q "guest: token $name" /var/log/paravane/$name.log || failed "$name has another's console"
done
pvctl list
pvctl pause left || failed "pause left"
pvctl list | grep left | grep -q paused || failed "left is not paused"
pvctl list | grep right | grep -q paused && failed "right is paused too"
pvctl unpause left || failed "unpause left"
pvctl destroy left || failed "destroy left"
pvctl list | grep -q right || failed "right went with left"
pvctl destroy right || failed "destroy right"
step "both were there"
"""
DOMAIN = "name: NAME\nkernel: /boot/vmlinuz\ninitrd: /boot/initrd\ncmdline: console=hvc0 act=stay token=NAME\nmemory: 128MiB\n"


def two_guests():
    """Two Linux guests run at once, each with its own console; what is done to one does not touch the other."""
    with boot_dom0(SCRIPT, {"/etc/guest.yaml": DOMAIN}) as machine:
        machine.wait_for(r"^==> both were there", 480, "two guests")
        machine.finish()


run(two_guests)
