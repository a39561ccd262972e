#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Takes one check at a time out of a copy of the hypervisor and asks whether its attack notices (docs/attacks.md).

planted_holes.py [PATTERN]    those whose attack or description matches
planted_holes.py PART/PARTS   one part of the list

The image is built anew for each hole (tests/planted/attacks). A hole is found if the attack is broken, if the machine does not survive
it, if the audit finds wrong counts, or if the witness or dom0 are harmed.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys

from harness import Failure, build, expect, hostile, run, top

sys.path.insert(0, f"{top}/tests/planted")
import planted  # noqa: E402

argument = sys.argv[1] if len(sys.argv) > 1 else ""
part = re.fullmatch(r"(\d+)/(\d+)", argument)
place = f"{build}/holes{part[1] if part else ''}"
image = f"{place}/build/hypervisor/paravane"
# With ccache a run builds only what has changed since the last one, in whatever folder that was.
environment = {**os.environ, "CCACHE_BASEDIR": place, "CCACHE_NOHASHDIR": "1"}


def all_attacks():
    folder = f"{top}/frontends/guests/attacks"
    texts = [open(f"{folder}/{name}").read() for name in sorted(os.listdir(folder)) if name.endswith(".cpp")]
    return [name for text in texts for name in re.findall(r'Attack\{"(\S+)"', text)]


def build_image():
    with open(f"{place}/log", "w") as log:
        done = subprocess.run(["cmake", "--build", f"{place}/build", "--target", "paravane"], stdout=log, stderr=log,
                              env=environment)
    if done.returncode:
        with open(f"{place}/log") as log:
            raise Failure(f"the copy cannot be built: {log.read()[-1500:]}")


def prepare():
    shutil.rmtree(f"{place}/source", ignore_errors=True)
    os.makedirs(place, exist_ok=True)
    for name in ("hypervisor", "frontends", "CMakeLists.txt"):
        source = f"{top}/{name}"
        copy = shutil.copytree if os.path.isdir(source) else shutil.copy
        os.makedirs(f"{place}/source", exist_ok=True)
        copy(source, f"{place}/source/{name}")
    path = f"{place}/source/hypervisor/CMakeLists.txt"
    with open(path) as file:
        text = file.read()
    with open(path, "w") as file:
        file.write(text.replace("-Werror", ""))  # a hole may leave something unused
    launcher = ["-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []
    subprocess.run(["cmake", "-S", f"{place}/source", "-B", f"{place}/build", "-G", "Ninja", "-DPARAVANE_TOOLS=OFF",
                    "-DPARAVANE_TESTS=OFF", "-DPARAVANE_DEBUG=ON", *launcher], check=True, stdout=subprocess.DEVNULL)
    build_image()


def what_is_wrong(attack):
    """How the machine took it, or None if nobody noticed."""
    cpus = 2 if attack.startswith(("races.", "fetches.", "fifo.", "entries.")) else 1
    qemu = hostile.LEAVES_FPU_POINTERS if attack == "instructions.fpu_pointers" else ()
    try:
        text = hostile.run("attacks", f"only={attack} long=yes", cpus, seconds=60, hypervisor=image, qemu=qemu)
    except Failure as failure:
        return str(failure)
    broken = re.search(r"attacker: +(\S+: not so: .*)", text)
    return broken and broken[1]


def plant(hole):
    """The attacks that do not notice."""
    missed = list(hole.attacks)
    try:
        with hole.applied(pathlib.Path(place, "source")):
            build_image()
            for attack in hole.attacks:
                wrong = what_is_wrong(attack)
                print(f"== {attack}, without {hole.name}: {wrong or 'NOT FOUND'}", flush=True)
                if wrong:
                    missed.remove(attack)
    except (Failure, ValueError) as failure:
        print(f"== {hole.path.stem}, without {hole.name}: {failure}", flush=True)
    return missed


def planted_holes():
    """Each attack notices when the check that holds it is gone."""
    holes = planted.read_all("attacks")
    without = set(all_attacks()) - {attack for hole in holes for attack in hole.attacks}
    expect(not without, f"no hole is planted for {', '.join(sorted(without))}")
    if part:
        chosen = holes[int(part[1]) - 1::int(part[2])]
    else:
        chosen = [hole for hole in holes if re.search(argument, f"{' '.join(hole.attacks)} {hole.name}")]
    prepare()
    missed = [attack for hole in chosen for attack in plant(hole)]
    count = sum(len(hole.attacks) for hole in chosen)
    print(f"{count - len(missed)} of {count} holes found")
    expect(not missed, f"not noticed: {', '.join(missed)}")


run(planted_holes)
