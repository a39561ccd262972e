#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
from harness import boot_dom0, run

SCRIPT = """
same() { [ "$2" = "$3" ] || failed "$1: expected <$3>, got <$2>"; }
xenstore-write /test/a one /test/b/c two || failed "xenstore-write"
same read "$(xenstore-read /test/a /test/b/c | tr '\\n' ' ')" "one two "
same list "$(xenstore-list /test | sort | tr '\\n' ' ')" "a b "
same ls "$(xenstore-ls /test)" "$(printf 'a = "one"\\nb = ""\\n c = "two"')"
xenstore-exists /test/a || failed "xenstore-exists does not see a node"
xenstore-exists /test/z && failed "xenstore-exists sees a node that is not there"
xenstore-read /test/z 2>/dev/null && failed "xenstore-read reads a node that is not there"
xenstore-chmod /test/a n0 r7 || failed "xenstore-chmod"
same permissions "$(xenstore-ls -p /test | sed -n 's/ *\\(\\. \\)*\\.* *(/ (/; 1p')" 'a = "one" (n0,r7)'

xenstore-watch -n 2 /test/watched >/tmp/watched &
watch=$!
wait_until 20 grep -q /test/watched /tmp/watched || failed "a new watch did not fire"
xenstore-write /test/watched/deep now
wait_until 20 grep -q /test/watched/deep /tmp/watched || failed "the watch did not see a write"
wait $watch || failed "xenstore-watch"

xenstore-rm /test || failed "xenstore-rm"
xenstore-exists /test && failed "xenstore-rm left the node"
xenstore-write relative path
same relative "$(xenstore-read /local/domain/0/relative)" path
step "the store answers Debian's tools"
"""


def xenstore_tools():
    """Debian's xenstore-write, -read, -list, -ls, -exists, -chmod, -watch and -rm work against our xenstored."""
    with boot_dom0(SCRIPT) as machine:
        machine.wait_for(r"^==> the store answers Debian's tools", 120)
        machine.finish()


run(xenstore_tools)
