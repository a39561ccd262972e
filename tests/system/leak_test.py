#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
from harness import boot_dom0, build, expect, run

SCRIPT = r"""
free_memory() { pvctl info -o json | grep -i free; }

# domain KIND COMMAND_LINE [MORE]: creates one and remembers its name.
domain() {
    number=$((number + 1))
    name=$1-$number
    { cat /etc/$1.yaml; echo "name: $name"; echo "cmdline: console=hvc0 $2"; echo "$3"; } >/tmp/$name.yaml
    pvctl create $options /tmp/$name.yaml >/dev/null || failed "create $name"
    rm /tmp/$name.yaml
}
gone() { ! pvctl list | grep -q -w "$name"; }
# What serves a guest ends a moment after the guest does.
nobody_is_left() { ! pidof pvconsoled && [ "$(xenstore-list /local/domain)" = 0 ]; }
ends() { wait_until 240 gone || failed "$name did not end: $*"; }
says() { wait_until 240 grep -q "$1" /var/log/paravane/$name.log || failed "$name never said: $1"; }
order() { pvctl "$1" $name >/dev/null || failed "$1 $name"; }

# Eight ways for a guest to come and go; each round takes the next one.
life() {
    case $(($1 % 8)) in
    0) options=--paused domain hello exit=wait; order destroy ;;
    1) options= domain hello "round $1"; ends "power-off" ;;
    2) options= domain hello exit=wait; order pause; order unpause; order destroy ;;
    3) options= domain hello exit=wait; order shutdown; ends "shutdown" ;;
    4) options= domain hello exit=crash; ends "crash" ;;
    5) options= domain hello exit=wait; order reboot; order destroy ;;
    6) options= domain hello exit=reboot "on_reboot: destroy"; ends "reboot" ;;
    7) options=--paused domain hello exit=crash; order unpause; ends "crash after a pause" ;;
    esac
}

# The hypervisor keeps the object of an ended domain for the next one: the first guest is not counted.
options= domain hello first; ends "power-off"
wait_until 60 nobody_is_left || failed "the first guest left something"
step "audit before"
debug_key A || failed "ask for the audit"
before=$(free_memory)
round=0
while [ $round -lt 97 ]; do
    life $round
    round=$((round + 1))
    [ $((round % 10)) != 0 ] || step "$round guests have gone"
done
step "97 hello guests have gone"

options= domain linux act=shell; says "this is its shell"; order pause; order unpause; order shutdown; ends "shutdown"
step "Linux was shut down"
options= domain linux act=shell; says "this is its shell"; order reboot
twice() { [ "$(grep -c "this is its shell" /var/log/paravane/$name.log)" = 2 ]; }
wait_until 240 twice || failed "$name did not come back"
order destroy
step "Linux was rebooted and destroyed"
options= domain linux act=crash; ends "crash"
step "Linux crashed"

pvctl list
wait_until 60 nobody_is_left || failed "left: pvconsoled $(pidof pvconsoled), domains $(xenstore-list /local/domain)"
step "audit after"
debug_key A || failed "ask for the audit"
[ "$(free_memory)" = "$before" ] || failed "free memory was $before, is $(free_memory)"
step "100 guests have gone"
"""
HELLO = "kernel: /boot/hello\nmemory: 4MiB\n"
LINUX = "kernel: /boot/vmlinuz\ninitrd: /boot/initrd\nmemory: 128MiB\n"


def leak():
    """100 guests come and go in every way; the hypervisor's audit finds not one frame, channel, grant or domain left."""
    files = {"/etc/hello.yaml": HELLO, "/etc/linux.yaml": LINUX}
    with boot_dom0(SCRIPT, files, programs=[f"{build}/tests/system/debug_key"]) as machine:
        machine.wait_for(r"^==> audit before", 30)
        before = machine.wait_for(r"audit: (.*)\n", 60).group(1).strip()
        for count in range(10, 91, 10):
            machine.wait_for(rf"^==> {count} guests have gone", 180)
        machine.wait_for(r"^==> 97 hello guests have gone", 180)
        machine.wait_for(r"^==> Linux was shut down", 300)
        machine.wait_for(r"^==> Linux was rebooted and destroyed", 300)
        machine.wait_for(r"^==> Linux crashed", 300)
        machine.wait_for(r"^==> audit after", 60)
        after = machine.wait_for(r"audit: (.*)\n", 60).group(1).strip()
        machine.wait_for(r"^==> 100 guests have gone", 30)
        machine.finish()
    print(f"  audit before: {before}\n  audit after:  {after}")
    expect(before.startswith("ok") and after.startswith("ok"), "the audit found wrong counts")
    expect(before == after, "the audit counts something that was not there before")


run(leak)
