#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How much of the hypervisor's core the hosted tests and the kept inputs of the fuzzers run: lines by folder.

usage: coverage.py BUILD [--lines]     BUILD was configured with -DPARAVANE_COVERAGE=ON and its tests were run.
Ends with status 1 if less is run than is promised, if lines never ran for which coverage_reasons.tsv has no reason, or if it
explains lines that are no longer there; those that run now are named. --lines also lists what never ran, and why.
"""
import collections
import concurrent.futures
import glob
import json
import os
import subprocess
import sys
import tempfile

top = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# Least share of lines, in per cent: all of core, and the files in which an error gives a guest the machine.
WHOLE = 85
GUARDED = {"page validation": ("mm/typed_ref", "mm/table_entry", "mm/leaf", "mm/l1_entry"),
           "mmu_update": ("hypercall/mmu_update",), "grants": ("grant/",)}
GUARDED_SHARE = 90


def read_gcov(data_file):
    """{file: {line: count}} of one object file, of what lies in hypervisor/core."""
    with tempfile.TemporaryDirectory() as folder:
        output = subprocess.run(["gcov", "--json-format", "--stdout", data_file], cwd=folder, capture_output=True,
                                text=True, check=True).stdout
    found = {}
    for document in filter(None, output.splitlines()):
        report = json.loads(document)
        for file in report["files"]:
            path = os.path.normpath(os.path.join(report["current_working_directory"], file["file"]))
            if "hypervisor/core/" not in path:
                continue
            lines = found.setdefault(path[path.index("hypervisor/core/") + len("hypervisor/core/"):], {})
            for line in file["lines"]:
                lines[line["line_number"]] = lines.get(line["line_number"], 0) + line["count"]
    return found


def read_all(build):
    total = collections.defaultdict(collections.Counter)
    data_files = glob.glob(f"{build}/tests/**/*.gcda", recursive=True)
    if not data_files:
        sys.exit(f"no test has run in {build}")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for found in pool.map(read_gcov, data_files):
            for path, lines in found.items():
                total[path].update(lines)
    return total


def read_reasons():
    """[(file, text that a line contains, reason)]"""
    with open(f"{top}/tests/coverage_reasons.tsv") as file:
        rows = [line.rstrip("\n").split("\t") for line in file if line.strip() and not line.startswith("#")]
    for row in rows:
        if len(row) != 3 or not all(row):
            sys.exit(f"coverage_reasons.tsv: {row}")
    return rows


def explain(total, reasons):
    """{file: {line: reason}} of the lines that never ran; entries about lines that run now; about lines that are gone."""
    explained = collections.defaultdict(dict)
    needless, stale = [], []
    for path, text, reason in reasons:
        source = f"{top}/hypervisor/core/{path}"
        lines = open(source).read().splitlines() if os.path.exists(source) else []
        numbers = {number for number, line in enumerate(lines, 1) if text in line}
        never = [number for number in numbers if total.get(path, {}).get(number) == 0]
        explained[path].update(dict.fromkeys(never, reason))
        if not numbers:
            stale.append((path, text))
        elif not never:
            needless.append((path, text))
    return explained, needless, stale


def share(files):
    lines = [count for counts in files for count in counts.values()]
    run = sum(count > 0 for count in lines)
    return run, len(lines), 100 * run / len(lines) if lines else 100.0


def runs_of_zero(lines):
    """The lines that never ran, in lists without one between them that did: a reason for one of these is one for all."""
    found, last_ran = [], True
    for number in sorted(lines):
        ran = lines[number] > 0
        if not ran:
            if last_ran:
                found.append([])
            found[-1].append(number)
        last_ran = ran
    return found


def ranges(numbers):
    parts = []
    for number in sorted(numbers):
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in parts)


def main():
    build = os.path.abspath(sys.argv[1])
    total = read_all(build)
    folders = collections.defaultdict(list)
    for path, lines in total.items():
        folders[os.path.dirname(path) or "(top)"].append(lines)
    too_few = False

    def row(name, files, least):
        nonlocal too_few
        run, lines, per_cent = share(files)
        too_few |= per_cent < least
        print(f"{name:24} {run:5} of {lines:5} lines  {per_cent:5.1f} %" + (f"  (at least {least})" if least else ""))

    for folder, files in sorted(folders.items()):
        row(f"core/{folder}" if folder != "(top)" else "core, its own files", files, 0)
    row("core", total.values(), WHOLE)
    for name, starts in GUARDED.items():
        row(name, [lines for path, lines in total.items() if path.startswith(starts)], GUARDED_SHARE)
    explained, needless, stale = explain(total, read_reasons())
    for path, text in needless:
        print(f"runs now, needs no reason any more: core/{path}: {text}")
    for path, text in stale:
        print(f"explained, but gone: core/{path}: {text}")
    without_reason = 0
    for path, lines in sorted(total.items()):
        for numbers in runs_of_zero(lines):
            reason = next((explained[path][number] for number in numbers if number in explained[path]), None)
            without_reason += reason is None
            if reason is None or "--lines" in sys.argv:
                print(f"never run: core/{path}: {ranges(numbers)}: {reason or 'NO REASON GIVEN'}")
    if without_reason:
        print(f"{without_reason} groups of lines never run for no reason: test them, or say why in coverage_reasons.tsv")
    sys.exit(too_few or bool(stale) or bool(without_reason))


main()
