#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
import os

from harness import boot_dom0, build, expect, run

# What Debian installs into /usr/lib/xen-4.17/bin, unmodified. xl looks for the console client there.
DEBIANS = f"{build}/debian/xen-utils-4.17/usr/lib/xen-4.17/bin"
PROGRAMS = ("xl", "xenstored", "xenconsoled", "xenconsole", "xen-init-dom0", "xen-cpuid", "libxl-save-helper")

START_DAEMONS = """#!/bin/sh
. /etc/paravane/functions
export PATH=/usr/lib/xen-4.17/bin:$PATH
mkdir -p /run/xen /run/lock /var/lock /var/lib/xen /var/log/xen/console
xenstored --pid-file /run/xenstored.pid || { failed "xenstored did not start"; exit 1; }
wait_until 60 xenstore-read -s / || { failed "xenstored does not answer"; exit 1; }
xen-init-dom0 || { failed "xen-init-dom0"; exit 1; }
xenconsoled --log=guest --pid-file=/run/xenconsoled.pid || { failed "xenconsoled did not start"; exit 1; }
"""

SCRIPT = r"""
export PATH=/usr/lib/xen-4.17/bin:$PATH
logs=/var/log/xen/console
does() { "$@" >/tmp/out 2>&1 || failed "$*: $(tail -n 1 /tmp/out)"; }
refuses() { "$@" >/tmp/out 2>&1 && failed "$* succeeded"; }
shows() { grep -q -E "$1" /tmp/out || failed "no /$1/ in: $(cat /tmp/out)"; }
lacks() { grep -E "$1" /tmp/out && failed "there is /$1/"; }
# column DOMAIN NUMBER: of xl list.
column() { xl list "$1" | tail -n 1 | tr -s ' ' | cut -d' ' -f"$2"; }
has() { [ "$(column "$1" "$2")" = "$3" ]; }
runs_on() { xl vcpu-list linux | grep -q -E "^linux +[0-9]+ +1 +$1 "; }
gone() { ! xl domid "$1"; }
free_memory() { xl info free_memory; }
is_another_than() { id=$(xl domid hello) && [ "$id" != "$1" ]; }
nobody_is_left() { [ "$(xl list | wc -l)" = 2 ]; }  # but dom0, and the line above it
all_are_destroyed() { xl list | awk 'NR > 2 { print $2 }' | xargs -r -n 1 xl destroy; nobody_is_left; }

does xl info; cat /tmp/out
shows '^xen_version +: 4.17'; shows '^virt_caps +: pv'; shows '^xen_scheduler +: credit2'; shows '^free_cpus +: 0'; shows '^nr_cpus +: 2'
shows '^xen_commandline +: .*dom0_mem='
does xl info -n; shows '^numa_info'; lacks 'error|failed'
does xl list; shows '^Domain-0 +0 +1024'
does xl list -l; shows '"domid": 0'
does xl uptime; shows '^Domain-0 +0 '
does xl cpupool-list -c; shows '^Pool-0 +0,1'
does xl sched-credit2 -s -r 700; does xl sched-credit2 -s; shows 'ratelimit=700us'
refuses xl sched-credit2 -s -r 99
does xen-cpuid -p; shows '^Xen reports there are maximum 120 leaves and 2 MSRs'
shows '^PV Default policy: [0-9]+ leaves, 2 MSRs'; shows '^HVM Max policy not supported by Xen'; shows '^  0000010a -> 0'
does xen-cpuid -d; shows 'HVM.* featureset not supported by Xen'
does xl claims; shows '^Domain-0 +0 .* 0$'
does xl info; shows '^outstanding_claims +: 0$'
does xl debug-keys q; does xl dmesg; shows 'd0v[01]: running'; lacks '^==>'
step "xl has looked at the machine"

does xl create -q /etc/hello.cfg 'extra="first"'; wait_until 60 gone hello || failed "hello did not end"
grep -q first $logs/guest-hello.log || failed "hello said nothing"
does xl create -q -p /etc/hello.cfg 'extra="exit=wait"'
[ "$(column hello 5 | cut -c3)" = p ] || failed "hello is not paused: $(xl list)"
refuses xl create -q /etc/hello.cfg; shows 'already exists'
does xl unpause hello; wait_until 60 has hello 5 -b---- || failed "hello does not block: $(xl list)"
does xl pause hello; has hello 5 -bp--- || has hello 5 --p--- || failed "hello is not paused: $(xl list)"
does xl unpause hello
does xl destroy hello; gone hello || failed "hello is still there"
does xl create -q /etc/hello.cfg 'extra="exit=crash"' 'on_crash="preserve"'
wait_until 60 has hello 5 ---sc- || failed "hello did not crash: $(xl list)"
does xl destroy hello
does xl create -q /etc/hello.cfg 'extra="exit=wait"' 'vcpus=8' 'on_poweroff="restart"'
does xl vcpu-list hello; [ "$(grep -c '^hello ' /tmp/out)" = 8 ] || failed "hello has not 8 vCPUs: $(cat /tmp/out)"
first=$(xl domid hello)
does xl shutdown hello; wait_until 60 is_another_than "$first" || failed "hello did not come again: $(xl list)"
wait_until 60 has hello 5 -b---- || failed "hello does not wait again: $(xl list)"
does xl destroy hello
refuses xl create -q /etc/hello.cfg 'kernel="/etc/hello.cfg"'
refuses xl create -q /etc/hello.cfg memory=100000
refuses xl create -q /etc/hello.cfg max_grant_frames=0
for delay in 30000 90000 180000; do
    xl create -q /etc/hello.cfg "name='killed'" 'extra="exit=wait"' >/dev/null 2>&1 &
    usleep $delay; kill -9 $!; wait $!
    wait_until 60 all_are_destroyed || failed "what was killed while it made a guest left: $(xl list)"
done
step "a small guest was paused, unpaused and destroyed"

# The hypervisor keeps the objects of ended domains for the next ones: those that were there at once are not counted.
before=$(free_memory)
does xl debug-keys A

does xl create -q /etc/linux.cfg
wait_until 240 grep -q "this is its shell" $logs/guest-linux.log || failed "Linux did not reach its shell"
does xl vcpu-list linux; shows '^linux +[0-9]+ +0 +[01] +[-r][-b]- .* all / all'; shows '^linux +[0-9]+ +1 '
for cpu in 0 1; do
    does xl vcpu-pin linux 1 $cpu; does xl vcpu-list linux; shows "^linux +[0-9]+ +1 .* $cpu / all"
    wait_until 60 runs_on $cpu || failed "vCPU 1 is not on CPU $cpu: $(xl vcpu-list linux)"
done
does xl vcpu-pin linux 1 all 0; does xl vcpu-list linux; shows '^linux +[0-9]+ +1 .* all / 0'
does xl sched-credit2; shows '^Domain-0 +0 +256 +0'; shows '^linux +[0-9]+ +256 +0'
does xl sched-credit2 -d linux -w 512; does xl sched-credit2 -d linux -c 50
does xl sched-credit2 -d linux; shows '^linux +[0-9]+ +512 +50'
does xl sched-credit2 -d linux -c 0
does xl cpupool-list; shows '^Pool-0 +[0-9]+ +credit2 +y +2'
does xl trigger linux nmi; wait_until 60 grep -q "NMI received" $logs/guest-linux.log || failed "Linux felt no NMI"
does xl dump-core linux /tmp/core; [ "$(stat -c %s /tmp/core)" -gt $((128 << 20)) ] || failed "the core is small: $(ls -l /tmp/core)"
rm -f /tmp/core
step "Linux runs"

has linux 3 128 || failed "Linux has not its memory: $(xl list)"
does xl mem-set linux 96; wait_until 60 has linux 3 96 || failed "Linux did not shrink: $(xl list)"
does xl mem-set linux 160; wait_until 60 has linux 3 160 || failed "Linux did not grow: $(xl list)"
refuses xl mem-set linux 200
does xl vcpu-set linux 1; wait_until 60 has linux 4 1 || failed "Linux did not give up a vCPU: $(xl list)"
step "Linux gave memory and took more"

step "the console of Linux"
xl console linux </dev/hvc0 >/dev/hvc0 2>&1 || failed "xl console"
step "back from the console"

does xl rename linux debian; does xl domid debian
does xl shutdown -w debian; wait_until 120 gone debian || failed "Linux did not shut down"
does xl create -q /etc/linux.cfg 'extra="console=hvc0 act=crash panic=-1"'; wait_until 240 gone linux || failed "did not crash"
does xl dmesg; shows 'Paravane'
wait_until 60 nobody_is_left || failed "domains are left: $(xl list)"
does xl debug-keys A
[ "$(free_memory)" = "$before" ] || failed "free memory was $before, is $(free_memory)"
step "all guests have gone"
"""

HELLO = """name = "hello"
type = "pv"
kernel = "/boot/hello"
memory = 4
vcpus = 1
on_crash = "destroy"
"""
LINUX = """name = "linux"
type = "pv"
kernel = "/boot/vmlinuz"
ramdisk = "/boot/initrd"
extra = "console=hvc0"
memory = 128
maxmem = 160
vcpus = 2
on_crash = "destroy"
"""


def xl():
    """Debian's own toolstack, unmodified, as the hypervisor's client: xl, xenstored and xenconsoled of Xen 4.17."""
    programs = {f"usr/lib/xen-4.17/bin/{name}": os.path.join(DEBIANS, name) for name in PROGRAMS}
    files = {"/etc/paravane/start_daemons": START_DAEMONS, "/etc/xen/xl.conf": "", "/etc/hello.cfg": HELLO,
             "/etc/linux.cfg": LINUX}
    with boot_dom0(SCRIPT, files, programs, qemu=("-no-reboot", "-smp", "2")) as machine:
        machine.wait_for(r"^==> xl has looked at the machine", 60)
        machine.wait_for(r"^==> a small guest was paused, unpaused and destroyed", 180)
        before = machine.wait_for(r"audit: (.*)\n", 60).group(1).strip()
        machine.wait_for(r"^==> Linux runs", 300)
        machine.wait_for(r"^==> Linux gave memory and took more", 180)
        machine.wait_for(r"^==> the console of Linux", 60)
        machine.wait_for(r"this is its shell", 60)  # what it has said so far comes first
        machine.send("echo typed-$((40 + 2))")
        machine.wait_for(r"^typed-42", 60)
        machine.press(b"\x1d")
        machine.wait_for(r"^==> back from the console", 60)
        after = machine.wait_for(r"audit: (.*)\n", 480).group(1).strip()
        machine.wait_for(r"^==> all guests have gone", 60)
        machine.finish()
    print(f"  audit before: {before}\n  audit after:  {after}")
    expect(before.startswith("ok") and after == before, "the audit found something that was not there before")


run(xl)
