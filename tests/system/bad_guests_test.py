#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
import re

from harness import boot_dom0, expect, run

SCRIPT = """
free_memory() { pvctl info -o json | grep -i free; }
head -c 100000 /boot/vmlinuz >/boot/truncated
head -c 100000 /dev/urandom >/boot/noise
cp /bin/busybox /boot/busybox
before=$(free_memory)
[ -n "$before" ] || failed "pvctl info does not tell the free memory"

# refused NAME: creating it must fail; the error is shown, and nothing may be left.
refused() {
    if pvctl create /etc/bad/$1.yaml >/tmp/out 2>&1; then failed "$1 was created"; fi
    echo "error of $1: $(cat /tmp/out)"
    [ "$(free_memory)" = "$before" ] || failed "$1 left memory behind: $before, now $(free_memory)"
    [ "$(pvctl list | grep -c .)" = "$lines" ] || failed "$1 left a domain behind"
    xenstore-list /local/domain | grep -v -x -e 0 -e "$taken" && failed "$1 left nodes behind in xenstore"
    true
}
lines=$(pvctl list | grep -c .)
taken=none
for bad in missing noise no_notes truncated too_little too_much unknown_key bad_name; do refused $bad; done

pvctl create /etc/bad/taken.yaml || failed "create taken"
wait_until 60 grep -q exit=wait /var/log/paravane/taken.log || failed "taken does not run"
before=$(free_memory) lines=$(pvctl list | grep -c .) taken=$(xenstore-list /local/domain | grep -v -x 0)
refused taken
pvctl destroy taken || failed "destroy taken"
step "all were refused"
"""


def domain(name, kernel="/boot/vmlinuz", memory="64MiB", more=""):
    return f"name: {name}\nkernel: {kernel}\nmemory: {memory}\ncmdline: exit=wait\n{more}"


# What the error has to speak of, so that a person knows what to mend.
CASES = {
    "missing": (domain("missing", "/boot/absent"), r"/boot/absent.*No such file"),
    "noise": (domain("noise", "/boot/noise"), r"kernel /boot/noise: "),
    "no_notes": (domain("no_notes", "/boot/busybox"), r"kernel /boot/busybox: .*Xen note"),
    "truncated": (domain("truncated", "/boot/truncated"), r"kernel /boot/truncated: .*(truncated|ends|short)"),
    "too_little": (domain("too_little", memory="8MiB"), r"memory"),
    "too_much": (domain("too_much", memory="64GiB"), r"memory"),
    "unknown_key": (domain("unknown_key", more="colour: blue\n"), r"unknown_key\.yaml:5: unknown key \"colour\""),
    "bad_name": (domain("bad/name"), r"name"),
    "taken": (domain("taken", "/boot/hello", "4MiB"), r"taken.*(taken|exists)"),
}


def bad_guests():
    """Each bad domain gets its own clear error and leaves neither memory nor a domain nor xenstore nodes behind."""
    files = {f"/etc/bad/{name}.yaml": text for name, (text, _) in CASES.items()}
    errors = {}
    with boot_dom0(SCRIPT, files) as machine:
        for name in CASES:
            match = machine.wait_for(rf"^error of {name}: (.*)\n", 120)
            errors[name] = match.group(1)
            print(f"           {errors[name]}")
        machine.wait_for(r"^==> all were refused", 60)
        machine.finish()
    for name, (_, pattern) in CASES.items():
        expect(re.search(pattern, errors[name]), f"the error of {name} does not match /{pattern}/: {errors[name]}")
    expect(len(set(errors.values())) == len(errors), "two different mistakes give the same error")


run(bad_guests)
