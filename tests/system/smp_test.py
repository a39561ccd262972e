#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
from harness import boot_dom0, run

SCRIPT = """
[ "$(nproc)" = 4 ] || failed "dom0 has $(nproc) CPUs"
pvctl create /etc/guest.yaml || failed "create the guest"
for _ in 1 2; do while :; do (:); done & done
for round in 1 2; do
    for cpu in 1 2 3; do
        echo 0 >/sys/devices/system/cpu/cpu$cpu/online || failed "unplug CPU $cpu"
        [ "$(nproc)" = 3 ] || failed "CPU $cpu is still there"
        echo 1 >/sys/devices/system/cpu/cpu$cpu/online || failed "replug CPU $cpu"
    done
    step "round $round"
done
kill $(jobs -p)
[ "$(nproc)" = 4 ] || failed "dom0 has $(nproc) CPUs in the end"
for cpu in 0 1 2 3; do taskset $((1 << cpu)) true || failed "nothing runs on CPU $cpu"; done
wait_until 240 grep -q "guest: storm over, 4 cpu" /var/log/paravane/guest.log || failed "the guest's storm does not end"
grep -E "FAILED|BUG:|WARNING:|rcu.*stall|Oops" /var/log/paravane/guest.log && failed "the guest complains"
pvctl list
pvctl destroy guest || failed "destroy the guest"
dmesg | grep -E "BUG:|WARNING:|rcu.*stall|Oops" && failed "dom0 complains"
step "the storm is over"
"""
GUEST = ("name: guest\nkernel: /boot/vmlinuz\ninitrd: /boot/initrd\ncmdline: console=hvc0 act=storm\nmemory: 256MiB\n"
         "vcpus: 4\n")


def smp():
    """Four vCPUs of dom0 and four of a guest on four CPUs; all but the first come and go while processes do."""
    with boot_dom0(SCRIPT, {"/etc/guest.yaml": GUEST}, qemu=("-no-reboot", "-smp", "4")) as machine:
        machine.wait_for(r"^==> the storm is over", 600, "both storms")
        machine.finish()


run(smp)
