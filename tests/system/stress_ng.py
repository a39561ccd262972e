#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
import sys
from pathlib import Path

from harness import FAILED, boot_dom0, build, expect, images, run, scratch_folder
from initramfs import Initramfs

# Dom0 and the guest run the same: stressors that check their results while CPUs go and come back. Its functions need
# `complain`, which says what is wrong in a way that ends the test.
STRESS = r"""
# stress SECONDS: returns when the stressors have ended, with all CPUs back.
stress() {
    rm -f /tmp/status
    { stress-ng --cpu 2 --vm 2 --vm-bytes 24M --fork 2 --switch 2 --verify --temp-path /tmp --timeout "$1s" \
        --metrics-brief >/tmp/stress.log 2>&1; echo $? >/tmp/status; } &
    rounds=0
    until [ -e /tmp/status ]; do
        for cpu in 1 2 3; do
            echo 0 >/sys/devices/system/cpu/cpu$cpu/online || complain "CPU $cpu cannot be unplugged"
            [ "$(nproc)" = 3 ] || complain "CPU $cpu is still there"
            echo 1 >/sys/devices/system/cpu/cpu$cpu/online || complain "CPU $cpu does not come back"
        done
        rounds=$((rounds + 1))
        each_round
    done
    cat /tmp/stress.log
    [ "$(cat /tmp/status)" = 0 ] || complain "a stressor has failed"
    for stressor in cpu vm fork switch; do
        grep -q "metrc:.* $stressor  *[1-9]" /tmp/stress.log || complain "$stressor has done nothing"
    done
    for cpu in 0 1 2 3; do taskset $((1 << cpu)) true || complain "nothing runs on CPU $cpu"; done
    echo "stress: $rounds rounds, $(nproc) CPUs in the end"
}
"""
TROUBLE = r"BUG:|WARNING:|Oops|INFO: (rcu|task)|rcu.*stall|[Ll]ockup|blocked for more than|Call Trace|SIGSEGV|segfault"

GUEST_INIT = r"""#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/shm
mount -t tmpfs tmp /tmp
complain() { echo "guest: FAILED: $*"; }
each_round() { :; }
. /usr/sbin/stress
stress SECONDS
echo "guest: stress over"
while :; do sleep 1000; done
"""

SCRIPT = r"""
log=/var/log/paravane/guest.log
complain() { failed "$*"; }
guest_is_well() {
    grep -E 'TROUBLE|FAILED' $log && failed "the guest complains"
}
each_round() {
    step "round $rounds"
    guest_is_well
}
. /usr/sbin/stress
[ "$(nproc)" = 4 ] || failed "dom0 has $(nproc) CPUs"
audit() {
    for cpu in 1 2 3; do echo 0 >/sys/devices/system/cpu/cpu$cpu/online; done  # nothing changes while it counts
    step "audit $1"
    debug_key A || failed "ask for the audit"
    for cpu in 1 2 3; do echo 1 >/sys/devices/system/cpu/cpu$cpu/online; done
}
# The hypervisor keeps the object of an ended domain for the next one: the first guest is not counted.
pvctl create --paused /etc/guest.yaml && pvctl destroy guest || failed "create and destroy the guest"
audit before
pvctl create /etc/guest.yaml || failed "create the guest"
stress SECONDS
wait_until 240 grep -q "guest: stress over" $log || failed "the guest's stressors do not end"
guest_is_well
grep stress $log
pvctl destroy guest || failed "destroy the guest"
audit after
step "all stressors have ended"
"""
GUEST = """name: guest
kernel: /boot/vmlinuz
initrd: /boot/initrd-stress
cmdline: console=hvc0 rdinit=/sbin/stress_init
memory: 384MiB
vcpus: 4
"""


def stress_ng():
    """Debian's stress-ng on four vCPUs of dom0 and four of a guest at once, while CPUs are unplugged and replugged."""
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 600
    fill_in = lambda text: text.replace("SECONDS", str(seconds)).replace("TROUBLE", TROUBLE)
    guest = Initramfs()
    guest.program("usr/bin/stress-ng", "/usr/bin/stress-ng")
    guest.text("usr/sbin/stress", STRESS)
    guest.text("sbin/stress_init", fill_in(GUEST_INIT), 0o755)
    with scratch_folder() as folder:
        initrd = Path(folder, "initrd")
        initrd.write_bytes(Path(images, "guest.cpio").read_bytes() + guest.bytes())
        programs = {"usr/bin/stress-ng": "/usr/bin/stress-ng", "usr/sbin/debug_key": f"{build}/tests/system/debug_key"}
        files = {"/etc/guest.yaml": GUEST, "/usr/sbin/stress": STRESS, "/boot/initrd-stress": initrd}
        with boot_dom0(fill_in(SCRIPT), files, programs, "loglevel=5", ("-no-reboot", "-smp", "4")) as machine:
            before = machine.wait_for(r"audit: (.*)\n", 60).group(1).strip()
            unless = f"{FAILED}|^.*({TROUBLE}).*$"
            rounds = machine.wait_for(r"^stress: (\d+) rounds, 4 CPUs in the end", seconds + 240, "dom0's end", unless)
            machine.wait_for(r"^stress: \d+ rounds, 4 CPUs in the end", 300, "the guest's end", unless)
            after = machine.wait_for(r"audit: (.*)\n", 60).group(1).strip()
            machine.wait_for(r"^==> all stressors have ended", 60, unless=unless)
            machine.finish()
    print(f"  dom0's CPUs were unplugged {3 * int(rounds.group(1))} times")
    print(f"  audit before: {before}\n  audit after:  {after}")
    expect(before.startswith("ok") and after == before, "the audit found something that was not there before")
    expect(int(rounds.group(1)) >= seconds // 60, "hardly any CPU was unplugged")


run(stress_ng)
