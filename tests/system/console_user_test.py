#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
from harness import boot_dom0, run

SCRIPT = r"""
pvctl create --paused /etc/quiet.yaml || failed "create quiet"
id=$(xenstore-list /local/domain | grep -v -x 0)
port=$(xenstore-read /local/domain/$id/console/port)

# The console backend that paravaned started makes way for one of an ordinary user.
kill "$(pidof pvconsoled)"
wait_until 30 sh -c '! pidof pvconsoled' || failed "the first backend did not end"
rm -f /run/paravane/console-$id.sock
pvconsoled --domain "$id" --port "$port" --socket /run/paravane/console-$id.sock --log /var/log/paravane/quiet.log \
    --user 65534 || failed "start pvconsoled"
backend=$(pidof pvconsoled)
status() { grep "^$1:" "/proc/$backend/status" | tr -s '\t ' ' '; }
[ "$(status Uid)" = "Uid: 65534 65534 65534 65534" ] || failed "$(status Uid)"
[ "$(status Gid)" = "Gid: 65534 65534 65534 65534" ] || failed "$(status Gid)"
[ "$(status Groups | tr -d ' ')" = "Groups:" ] || failed "$(status Groups)"
[ "$(status CapEff)" = "CapEff: 0000000000000000" ] || failed "$(status CapEff)"

pvctl unpause quiet
wait_until 60 grep -q "a word in private" /var/log/paravane/quiet.log || failed "nothing in the log"
# The whole of what was printed comes to whoever attaches, through paravaned.
pvctl console quiet </dev/null >/tmp/seen 2>&1 &
wait_until 60 grep -q "a word in private" /tmp/seen || failed "nothing on the console: $(cat /tmp/seen)"
pvctl destroy quiet || failed "destroy quiet"
wait_until 30 sh -c '! pidof pvconsoled' || failed "the backend did not end with its guest"
pvctl list | grep -q quiet && failed "the guest is still there"
step "the console was served by nobody"
"""


def console_user():
    """pvconsoled gives up root's rights once everything is open, and still serves its guest to the end."""
    guest = "name: quiet\nkernel: /boot/hello\nmemory: 4MiB\ncmdline: a word in private exit=wait\n"
    with boot_dom0(SCRIPT, {"/etc/quiet.yaml": guest}) as machine:
        machine.wait_for(r"^==> the console was served by nobody", 240)
        machine.finish()


run(console_user)
