#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Plants one bug at a time in a copy of the page-type core and asks whether the model finds it (tests/planted/model).

The mutated file is linked before the library of the hosted core, so that only it differs. A header is mutated for the
sources that change page tables.
"""

import argparse
import concurrent.futures
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "planted"))
import planted  # noqa: E402

HEADER_USERS = ["core/mm/entry.cpp", "core/hypercall/mmu_update.cpp", "core/mm/typed_ref.cpp"]


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


def build(args, objects, number, bug):
    folder = args.build / f"with_bug{number}"
    for file in bug.files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(args.source / file, folder / file)
    program = str(args.build / f"bug{number}")
    with bug.applied(folder):
        sources = [folder / file for file in bug.files]
        if any(source.suffix != ".cpp" for source in sources):
            sources = [args.source / "hypervisor" / user for user in HEADER_USERS]
        compiled = [str(folder / f"{source.stem}.o") for source in sources]
        for source, output in zip(sources, compiled):
            compile_file(args, source, output, [f"-I{folder}/hypervisor"])
    subprocess.run([args.compiler, *flags(args), "-o", program, *compiled, *objects, args.core], check=True)


def check(args, objects, number, bug):
    """What is wrong with this bug's outcome, or None."""
    try:
        build(args, objects, number, bug)
        outcome = subprocess.run([str(args.build / f"bug{number}"), "60", "3000"], capture_output=True, text=True, timeout=900)
    except ValueError as error:
        return str(error)
    except subprocess.TimeoutExpired:
        print(f"found (it hangs): {bug.name}", flush=True)
        return None
    if outcome.returncode == 0:
        return f"not found: {bug.name}"
    reason = (outcome.stdout + outcome.stderr).strip().splitlines() or [f"exit code {outcome.returncode}"]
    print(f"found: {bug.name}\n       {reason[0][:150]}", flush=True)
    return None


def main():
    args = options()
    args.build.mkdir(parents=True, exist_ok=True)
    bugs = planted.read_all("model")
    objects = []
    for name in ("model_run", "operations"):
        objects.append(str(args.build / f"{name}.o"))
        compile_file(args, args.source / "tests" / "model" / f"{name}.cpp", objects[-1])
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(check, args, objects, number, bug) for number, bug in enumerate(bugs)]
        failures = [wrong for wrong in (future.result() for future in futures) if wrong]
    for failure in failures:
        print(failure)
    print(f"{len(bugs) - len(failures)} of {len(bugs)} planted bugs found")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
