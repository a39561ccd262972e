#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A function of core is defined where its declaration sends the reader: what a header declares is defined in it, or beside it in
a source whose name begins as the header's does.

Read as the formatter leaves it: what is declared in a namespace or a class, and defined in a namespace. Not asked are core/hal,
which others define, and handlers of hypercalls, which core/hypercall/table.cpp names.
"""
import pathlib
import re
import sys

# What a part below asks of one above it, which knows more.
CALLED_FROM_BELOW = {"mm/page_info.hpp": {"hv::free_unreferenced"}}  # the last reference goes: mm/page_alloc.cpp

core = pathlib.Path(__file__).resolve().parents[2] / "hypervisor/core"

NOISE = [(r'R"\(.*?\)"', '""'), (r"//[^\n]*", ""), (r"'(\\.|[^'\\])'", "' '"), (r'"(\\.|[^"\\\n])*"', '""'),
         (r"^#[^\n]*(\\\n[^\n]*)*", ""), (r"\[\[[^\]]*\]\]", ""), (r"\balignas\([^)]*\)", ""),
         (r"^\s*(public|private|protected):", "")]
NO_NAMES = {"if", "for", "while", "switch", "return", "sizeof", "static_assert", "asm", "decltype", "requires", "operator"}


def without_parentheses(text):
    """What is in parentheses can hold braces and semicolons; only where they stand matters."""
    while True:
        shorter = re.sub(r"\([^()]*\)", "\0", text)
        if shorter == text:
            return text
        text = shorter


def functions(path):
    """Those declared and those defined, by their full names."""
    text = path.read_text()
    for pattern, instead in NOISE:
        text = re.sub(pattern, instead, text, flags=re.MULTILINE | re.DOTALL if pattern[0] == "R" else re.MULTILINE)
    declared, defined, scopes = set(), set(), []
    start = 0
    text = without_parentheses(text)
    for end in re.finditer(r"[;{}]", text):
        statement, start = text[start:end.start()].strip(), end.end()
        if end[0] == "}":
            if scopes:
                scopes.pop()
            continue
        scope = None  # the inside of a function, or of what is none of the others
        if None not in scopes:
            named = re.match(r"(inline )?namespace ?([\w:]*)$|(?:template ?<.*> ?)?(?:class|struct) (\w+)(?! *\0)[^\0]*$", statement)
            if named and end[0] == "{":
                scope = named[3] or named[2] or "anonymous"
            elif statement == 'extern ""' and end[0] == "{":
                scope = ""
            function = re.search(r"([\w:~]+)\0", statement)
            before = statement[:function.start()] if function else ""
            if function and not named and function[1] not in NO_NAMES and not re.search(r"=|\b(using|friend|enum)\b", before) \
                    and not re.search(r"= (default|delete)$", statement):
                name = re.sub("^(hv::)*", "hv::", "::".join(filter(None, [*scopes, function[1]])))
                (defined if end[0] == "{" else declared).add(name)
        if end[0] == "{":
            scopes.append(scope)
    return declared, defined


homes = {}
for source in sorted(core.rglob("*.cpp")):
    for name in functions(source)[1]:
        homes.setdefault(name, set()).add(source)
wrong, count = [], 0
for header in sorted(core.rglob("*.hpp")):
    if header.parent.name == "hal":
        continue
    declared, defined = functions(header)
    count += len(declared)
    for name in sorted(declared - defined - CALLED_FROM_BELOW.get(str(header.relative_to(core)), set())):
        found = homes.get(name, set())
        if not any(home.parent == header.parent and home.stem.startswith(header.stem) for home in found):
            wrong.append(f"{header.relative_to(core)} declares {name}, defined in "
                         f"{', '.join(str(home.relative_to(core)) for home in sorted(found)) or 'no source of core'}")

print(*wrong, sep="\n")
print(f"{count} functions")
sys.exit(bool(wrong) or count < 200)
