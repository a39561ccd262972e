#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Plants one bug at a time in a copy of the page-type core and asks whether the model finds it.

A bug is a text of a source file that must occur there exactly once (white space does not count), and what stands in its
place. The mutated file is linked before the library of the hosted core, so that only it differs. A header is mutated
for the sources that change page tables.
"""

import argparse
import concurrent.futures
import pathlib
import re
import subprocess
import sys

BUGS = [
    ("a frame becomes a table although CPUs may remember writable translations", "core/mm/validate.cpp",
     "else tlb::flush_stale(page->stamp, owner.dirty_cpus);", ""),
    ("what a half demoted table holds is forgotten when the frame gets another type", "core/mm/validate.cpp",
     "if (!shrink(*page) || hal::should_preempt()) return Errno::again;", "page->type.fetch_and(~PageInfo::prefix_mask);"),
    ("demotion keeps the references of upper levels", "core/mm/validate.cpp",
     "else release_table_entry(pte);", "else static_cast<void>(pte);"),
    ("a table with entries holds no reference on itself", "core/mm/validate.cpp",
     "if (!old_prefix && new_prefix) page.count.fetch_add(1, std::memory_order_relaxed);", ""),
    ("a frame without uses is not demoted", "core/mm/validate.cpp",
     "if (PageInfo::prefix_of(word)) queue_for_demotion(page);", ""),
    ("the first writable entry holds no use", "core/mm/leaf.cpp",
     "(void)std::move(typed).leak();", ""),
    ("uses hold no reference", "core/mm/validate.cpp",
     "PageRef::release(page);  // that of all uses", ""),
    ("dropping a writable entry keeps its use", "core/mm/leaf.hpp", "if (stored.is_writable())", "if (false)"),
    ("a replaced entry keeps its references", "core/mm/l1_entry.hpp",
     "exchange_while(entry, old, stored, mode, [](Pte) { return true; }); release_leaf(old);",
     "exchange_while(entry, old, stored, mode, [](Pte) { return true; });"),
    ("read-only and writable entries are taken for the same", "core/mm/l1_entry.hpp",
     "constexpr u64 soft_bits = ", "constexpr u64 soft_bits = Pte::writable | "),
    ("a pin holds nothing", "core/hypercall/mmuext_op.cpp", "(void)std::move(table).leak();", ""),
    ("a table can be unpinned twice", "core/hypercall/mmuext_op.cpp",
     "if (!take_pin(*page)) return Errno::inval;", "take_pin(*page);"),
    ("an unmapped grant stays reachable by a stale translation", "core/grant/mapping.cpp",
     "if (flush_needed) hal::flush_tlb(domain.dirty_cpus);", ""),
    ("a batch of unmapped grants stays reachable by stale translations", "core/grant/mapping.cpp",
     "if (flush_needed_) hal::flush_tlb(domain_.dirty_cpus);", ""),
    ("a claim is spent twice", "core/mm/page_alloc.cpp",
     "heap.claimed += pages - domain.claimed_pages.load(std::memory_order_relaxed);", ""),
    ("a freed frame stays reachable by a stale translation", "core/mm/page_alloc.cpp",
     "tlb::flush_stale_everywhere(page.stamp);", ""),
]
HEADER_USERS = ["core/mm/leaf.cpp", "core/mm/l1_entry.cpp", "core/hypercall/mmu_update.cpp", "core/mm/validate.cpp"]


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("--compiler", required=True)
    parser.add_argument("--source", type=pathlib.Path, required=True)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--core", required=True)
    parser.add_argument("--sanitize", action="store_true")
    return parser.parse_args()


def flags(args):
    includes = [args.source / "hypervisor", args.source, args.source / "tests"]
    result = ["-std=gnu++20", "-O1", "-DPARAVANE_DEBUG", "-w"] + [f"-I{folder}" for folder in includes]
    return result + (["-fsanitize=address,undefined", "-fno-sanitize-recover=all"] if args.sanitize else [])


def compile_file(args, source, output, first=()):
    subprocess.run([args.compiler, *first, *flags(args), "-c", str(source), "-o", str(output)], check=True)


def build(args, objects, name, number, file, text, replacement):
    original = (args.source / "hypervisor" / file).read_text()
    pattern = re.compile(r"\s+".join(re.escape(word) for word in text.split()))
    if len(pattern.findall(original)) != 1:
        return f"{name}: its text is no longer in {file}"
    folder = args.build / f"with_bug{number}"
    mutated = folder / file
    mutated.parent.mkdir(parents=True, exist_ok=True)
    mutated.write_text(pattern.sub(lambda _: replacement, original))
    sources = [mutated] if mutated.suffix == ".cpp" else [args.source / "hypervisor" / user for user in HEADER_USERS]
    compiled = [str(folder / f"{source.stem}.o") for source in sources]
    for source, output in zip(sources, compiled):
        compile_file(args, source, output, [f"-I{folder}"])
    program = str(args.build / f"bug{number}")
    subprocess.run([args.compiler, *flags(args), "-o", program, *compiled, *objects, args.core], check=True)
    return None


def check(args, objects, number, bug):
    """What is wrong with this bug's outcome, or None."""
    name = bug[0]
    wrong = build(args, objects, name, number, *bug[1:])
    if wrong:
        return wrong
    try:
        outcome = subprocess.run([str(args.build / f"bug{number}"), "60", "3000"], capture_output=True, text=True, timeout=900)
    except subprocess.TimeoutExpired:
        print(f"found (it hangs): {name}", flush=True)
        return None
    if outcome.returncode == 0:
        return f"not found: {name}"
    reason = (outcome.stdout + outcome.stderr).strip().splitlines() or [f"exit code {outcome.returncode}"]
    print(f"found: {name}\n       {reason[0][:150]}", flush=True)
    return None


def main():
    args = options()
    args.build.mkdir(parents=True, exist_ok=True)
    objects = []
    for name in ("model_run", "operations"):
        objects.append(str(args.build / f"{name}.o"))
        compile_file(args, args.source / "tests" / "model" / f"{name}.cpp", objects[-1])
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(check, args, objects, number, bug) for number, bug in enumerate(BUGS)]
        failures = [wrong for wrong in (future.result() for future in futures) if wrong]
    for failure in failures:
        print(failure)
    print(f"{len(BUGS) - len(failures)} of {len(BUGS)} planted bugs found")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
