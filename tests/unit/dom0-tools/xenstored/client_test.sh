#!/bin/bash
# SPDX-License-Identifier: MIT
# Debian's clients (package xenstore-utils) against our daemon on a socket of its own.
# usage: client_test.sh XENSTORED
set -u
daemon=$(realpath "$1")
dir=$(mktemp -d)
export XENSTORED_PATH=$dir/socket
failed=0
watcher=

finish() {
    [ -n "$watcher" ] && kill "$watcher" 2>/dev/null
    [ -s "$dir/pid" ] && kill "$(cat "$dir/pid")" 2>/dev/null
    rm -rf "$dir"
}
trap finish EXIT

# expect WHAT EXPECTED COMMAND...: the command's standard output, and "rc N" if it fails
expect() {
    local what=$1 expected=$2 got rc
    shift 2
    got=$("$@" 2>/dev/null)
    rc=$?
    [ $rc -eq 0 ] || got="${got:+$got }rc $rc"
    if [ "$got" = "$expected" ]; then
        echo "ok: $what"
    else
        echo "FAILED: $what: expected \"$expected\", got \"$got\""
        failed=1
    fi
}

# wait_for CONDITION...: until the command succeeds, 100 seconds at most
wait_for() {
    local deadline=$((SECONDS + 100))
    until "$@"; do
        [ $SECONDS -lt $deadline ] || { echo "FAILED: waited too long for: $*"; failed=1; return 1; }
        read -r -t 0.05 <> <(:)
    done
}

for tool in ls read write watch list rm chmod exists; do
    command -v xenstore-$tool >/dev/null || { echo "xenstore-$tool is missing: install xenstore-utils"; exit 1; }
done

# The daemon's first process ends when the socket can be connected to.
"$daemon" --no-domain-init --pid-file "$dir/pid" || { echo "FAILED: the daemon does not start"; exit 1; }
expect "pid file names the daemon" xenstored cat "/proc/$(cat "$dir/pid")/comm"
expect "socket is for its owner only" 600 stat -c %a "$XENSTORED_PATH"
expect "a second daemon refuses the socket" "rc 1" "$daemon" --no-domain-init --no-fork
expect "the first goes on" "" xenstore-exists /tool

expect "write, parents included" "" xenstore-write /a/b/c "some value" /a/x two
expect "read" "some value" xenstore-read /a/b/c
expect "read several" $'some value\ntwo' xenstore-read /a/b/c /a/x
expect "read what is not there" "rc 1" xenstore-read /a/none
expect "exists" "" xenstore-exists /a/b
expect "exists not" "rc 1" xenstore-exists /a/none
expect "list" $'b\nx' xenstore-list /a
expect "ls" $'b = ""\n c = "some value"\nx = "two"' xenstore-ls /a
expect "ls with full paths" $'/a/b = ""\n/a/b/c = "some value"\n/a/x = "two"' xenstore-ls -f /a
expect "chmod" "" xenstore-chmod -r /a n3 r4 b0
expect "permissions in ls" "(n3,r4,b0)" bash -c "xenstore-ls -p /a | sed -n 's/^x .* \((.*)\)$/\1/p'"
expect "rm" "" xenstore-rm /a/b
expect "what was removed is gone" "rc 1" xenstore-read /a/b/c
expect "a bad path" "rc 1" xenstore-write "/a b" v
expect "rm without a parent" "rc 1" xenstore-rm /none/below

for ((i = 0; i < 900; i++)); do names+=("/big/a-rather-long-name-$i" v); done
expect "many writes in one transaction" "" xenstore-write "${names[@]}"
expect "a directory that needs several parts" 900 bash -c "xenstore-list /big | sort -u | wc -l"
expect "rm of a large tree" "" xenstore-rm /big

xenstore-watch -n 3 /watched >"$dir/events" 2>&1 &
watcher=$!
wait_for grep -q '^/watched$' "$dir/events" 2>/dev/null
xenstore-write /watched/one 1
wait_for grep -q '^/watched/one$' "$dir/events"
xenstore-rm /watched
if wait "$watcher"; then watcher=; fi
expect "watch events" $'/watched\n/watched/one\n/watched' cat "$dir/events"

# Clients that come and go at once, each with a transaction of its own on the same node.
workers=()
for ((i = 0; i < 8; i++)); do
    (for ((j = 0; j < 20; j++)); do xenstore-write "/storm/$i" $j "/storm/shared" $i || exit 1; done) &
    workers+=($!)
done
for worker in "${workers[@]}"; do wait "$worker" || { echo "FAILED: concurrent writers"; failed=1; }; done
expect "concurrent writers all finish" 9 bash -c "xenstore-list /storm | wc -l"

pid=$(cat "$dir/pid")
kill "$pid"
wait_for test ! -e "/proc/$pid"
expect "socket and pid file go with the daemon" events ls "$dir"
[ $failed -eq 0 ] && echo "all client tests passed"
exit $failed
