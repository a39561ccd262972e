#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The interface may grow, and nothing else: what stood on the wire at the last release still does.

usage: wire_test.py PROTO_FOLDER RELEASED      (or with --print for RELEASED: the list of today)
"""
import glob
import os
import re
import subprocess
import sys
import tempfile


def parse(lines, at=0):
    """protobuf's text form as lists of (name, value or list)."""
    node = []
    while at < len(lines):
        line = lines[at].strip()
        at += 1
        if line == "}":
            break
        if match := re.match(r"(\w+) \{$", line):
            inner, at = parse(lines, at)
            node.append((match.group(1), inner))
        else:
            key, value = line.split(": ", 1)
            node.append((key, value.strip('"')))
    return node, at


def one(node, key, default=""):
    return next((value for name, value in node if name == key), default)


def each(node, key):
    return [value for name, value in node if name == key]


def descriptors(folder):
    """The descriptors of all files of the interface."""
    files = sorted(os.path.relpath(name, folder) for name in glob.glob(f"{folder}/**/*.proto", recursive=True))
    with tempfile.NamedTemporaryFile() as compiled:
        subprocess.run(["protoc", f"--proto_path={folder}", f"--descriptor_set_out={compiled.name}", *files], check=True)
        text = subprocess.run(["protoc", "--proto_path=/usr/include", "--decode=google.protobuf.FileDescriptorSet",
                               "google/protobuf/descriptor.proto"], stdin=open(compiled.name, "rb"), check=True,
                              capture_output=True, text=True).stdout
    return each(parse(text.splitlines())[0], "file")


def of_enum(prefix, enum):
    for value in each(enum, "value"):
        yield f"enum {prefix}.{one(enum, 'name')} {one(value, 'number', '0')} {one(value, 'name')}"


def of_message(prefix, message):
    name = f"{prefix}.{one(message, 'name')}"
    oneofs = [one(oneof, "name") for oneof in each(message, "oneof_decl")]
    for field in each(message, "field"):
        kind = one(field, "type_name").lstrip(".") or one(field, "type").removeprefix("TYPE_").lower()
        choice = one(field, "oneof_index")
        choice = f" of {oneofs[int(choice)]}" if choice and not one(field, "proto3_optional") else ""
        repeated = "repeated " if one(field, "label") == "LABEL_REPEATED" else ""
        yield f"field {name} {one(field, 'number')} {one(field, 'name')} {repeated}{kind}{choice}"
    for inner in each(message, "nested_type"):
        yield from of_message(name, inner)
    for inner in each(message, "enum_type"):
        yield from of_enum(name, inner)


def of_service(prefix, service):
    for method in each(service, "method"):
        stream = ["stream " if one(method, f"{side}_streaming") else "" for side in ("client", "server")]
        yield (f"method {prefix}.{one(service, 'name')}.{one(method, 'name')} {stream[0]}"
               f"{one(method, 'input_type')[1:]} {stream[1]}{one(method, 'output_type')[1:]}")


def lines_of(files):
    lines = set()
    for file in files:
        package = one(file, "package")
        for message in each(file, "message_type"):
            lines.update(of_message(package, message))
        for enum in each(file, "enum_type"):
            lines.update(of_enum(package, enum))
        for service in each(file, "service"):
            lines.update(of_service(package, service))
    return lines


def undocumented(folder):
    """Methods without a word about them."""
    for name in glob.glob(f"{folder}/paravane/v1/*.proto"):
        with open(name, encoding="utf-8") as file:
            lines = file.read().splitlines()
        for before, line in zip(lines, lines[1:]):
            if line.strip().startswith("rpc ") and not before.strip().startswith("//"):
                yield f"{os.path.basename(name)}: {line.strip()}"


def planted(folder, change):
    """The interface with one change in its text."""
    with tempfile.TemporaryDirectory() as copy:
        subprocess.run(["cp", "-r", f"{folder}/.", copy], check=True)
        path = f"{copy}/paravane/v1/domains.proto"
        with open(path, encoding="utf-8") as file:
            text = file.read()
        changed = text.replace(*change, 1)
        assert changed != text, change
        with open(path, "w", encoding="utf-8") as file:
            file.write(changed)
        return lines_of(descriptors(copy))


def main():
    folder, released = sys.argv[1:]
    today = lines_of(descriptors(folder))
    if released == "--print":
        print("\n".join(sorted(today)))
        return
    with open(released, encoding="utf-8") as file:
        known = set(file.read().splitlines())
    failures = [f"no longer so: {line}" for line in sorted(known - today)]
    failures += [f"without a comment: {line}" for line in undocumented(folder)]
    for change in [("string cmdline = 3;", ""), ("uint64 memory = 4;", "uint64 memory = 104;"),
                   ("uint32 vcpus = 5;", "uint64 vcpus = 5;"), ("string initrd = 2;", "repeated string initrd = 2;"),
                   ("returns (stream WatchDomainsResponse)", "returns (WatchDomainsResponse)"),
                   ("POWER_STATE_PAUSED = 2", "POWER_STATE_HALTED = 2")]:
        if known <= planted(folder, change):
            failures.append(f"not seen: {change}")
    print("\n".join(failures) if failures else f"{len(known)} lines of the release still hold")
    sys.exit(bool(failures) or len(known) < 300)


main()
