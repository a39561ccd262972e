#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
from harness import boot_dom0, run

SCRIPT = """
pvctl create /etc/bystander.yaml || failed "create the bystander"
for kind in linux hello; do
    pvctl create /etc/$kind.yaml || failed "create $kind"
    crashed() { pvctl list | grep "^.*$kind" | grep -q crashed; }
    wait_until 240 crashed || failed "$kind is not listed as crashed"
    pvctl list
    pvctl destroy $kind || failed "destroy $kind"
done
pvctl list | grep -q bystander || failed "the bystander is gone"
pvctl pause bystander && pvctl unpause bystander && pvctl destroy bystander || failed "the bystander does not obey"
step "dom0 is undisturbed"
"""
LINUX = "name: linux\nkernel: /boot/vmlinuz\ninitrd: /boot/initrd\ncmdline: console=hvc0 act=crash\nmemory: 128MiB\non_crash: preserve\n"
HELLO = "name: hello\nkernel: /boot/hello\ncmdline: about to crash exit=crash\nmemory: 4MiB\non_crash: preserve\n"
BYSTANDER = "name: bystander\nkernel: /boot/hello\ncmdline: exit=wait\nmemory: 4MiB\n"


def crashing_guest():
    """Guests that crash are seen as crashed and can be destroyed; dom0 and another guest go on."""
    files = {"/etc/linux.yaml": LINUX, "/etc/hello.yaml": HELLO, "/etc/bystander.yaml": BYSTANDER}
    with boot_dom0(SCRIPT, files) as machine:
        machine.wait_for(r"^==> dom0 is undisturbed", 480, "two crashes")
        machine.finish()


run(crashing_guest)
