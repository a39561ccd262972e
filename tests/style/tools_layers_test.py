#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The layers of dom0's tools and the backends: who may include whom, and what has one home."""
import os
import re
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
LIB = ["os", "xen", "hypercall", "xenstore", "kernel", "backend", "domain", "api"]

# Folder of a source -> folder that an include names -> who may. Pure code and numbers (portable, public) are for all.
MAY_USE = {
    "os": [],
    "xen": ["os"],
    "hypercall": ["os", "xen"],
    "xenstore": ["os"],
    "kernel": ["os"],
    "backend": ["os"],
    "domain": ["os", "xen", "hypercall", "xenstore", "kernel"],
    "api": ["os", "domain"],
    "xenstored": ["os", "xen", "hypercall", "xenstore"],
    "unpack": ["os", "kernel"],
    "daemon": LIB,
    "cli": ["os", "domain", "api"],
    "supervisor": ["os", "xen", "hypercall", "xenstore", "backend"],
    "host": ["os", "xen", "xenstore"],
    "console": ["os", "backend", "host"],
    "block": ["os", "xen", "xenstore", "host"],
}
PLACES = {**{name: f"dom0-tools/lib/{name}" for name in LIB},
          **{name: f"dom0-tools/{name}" for name in ("xenstored", "supervisor", "unpack", "daemon", "cli")},
          **{name: f"backends/{name}" for name in ("host", "console", "block")}}

# What has one home: a text, where it may stand, and what to say.
NUMBERS = (r"abi::(domctl|sysctl|hypercall|memop|mmuext|evtchnop|xenver|gnttabop)::|(domctl|sysctl)_interface_version"
           r"|public/(domctl|sysctl|hypercall|memory|mmu|version)\.hpp|\b(domctl|sysctl|hypercall|memop)_\w+ = (0x)?\d")
HOMES = [
    (NUMBERS, ["hypercall"], "numbers of hypercalls stand in hypercall/"),
    (r"<xen(call|evtchn|gnttab|foreignmemory|ctrl|store)\.h>", ["xen"], "Debian's libxen* are for xen/"),
    (r"<(zlib|bzlib|lzma|zstd|lz4)\.h>", ["unpack"], "decompressors are for unpack/"),
    (r"<liburing\.h>", ["block"], "io_uring is for block/"),
    (r"\.pb\.h>|\bv1::|grpc", ["api", "daemon", "cli"], "the API's messages are for the edge"),
    (r"\b(fork|vfork|daemon|posix_spawn|epoll_create1?)\(", ["os"], "processes and event loops are made in os/"),
    (r"\b(from_chars|strtou?ll?|stou?ll?|atoi|sscanf)\(", [], "decimal numbers are read by portable/base/number.hpp"),
]
# In the daemon the messages are for these; everything else there has the types of the library.
DAEMONS_EDGE = ("service", "translate", "console_relay", "peers", "main")


def complaints(folder, name, text):
    """What is wrong with one source."""
    found = []
    for included in re.findall(r'^#include "([^"]+)"', text, re.MULTILINE):
        used = included.split("/")[0] if "/" in included else folder if folder == "xenstored" else "(no folder)"
        if used not in (folder, "portable", "public") and used not in MAY_USE[folder]:
            found.append(f'"{included}" is not for {folder}/')
    for pattern, homes, why in HOMES:
        if folder not in homes and (match := re.search(pattern, text)):
            found.append(f"{match.group()!r}: {why}")
    if folder == "daemon" and not name.startswith(DAEMONS_EDGE) and re.search(r"\bv1::|\.pb\.h>|grpc", text):
        found.append("the API's messages are for " + ", ".join(DAEMONS_EDGE))
    return found


# Each is a fault that this test has to see.
PLANTED = [
    ("os", "a.cpp", '#include "xen/call.hpp"\n'),
    ("xen", "a.cpp", '#include "hypercall/domctl.hpp"\n'),
    ("domain", "a.hpp", '#include "api/messages.hpp"\n'),
    ("daemon", "a.hpp", '#include "error.hpp"\n'),
    ("cli", "a.cpp", '#include "hypercall/domctl.hpp"\n'),
    ("daemon", "a.cpp", '#include "unpack/decompress.hpp"\n'),
    ("domain", "a.cpp", "#include <zlib.h>\n"),
    ("console", "a.cpp", '#include "domain/spec.hpp"\n'),
    ("xenstored", "a.cpp", "constexpr unsigned hypercall_domctl = 36;\n"),
    ("xenstored", "a.cpp", "constexpr std::uint32_t domctl_getdomaininfo = 5;\n"),
    ("domain", "a.cpp", "call(abi::memop::populate_physmap);\n"),
    ("daemon", "a.cpp", '#include "public/sysctl.hpp"\n'),
    ("console", "a.cpp", "#include <xengnttab.h>\n"),
    ("domain", "a.cpp", "#include <paravane/v1/domains.pb.h>\n"),
    ("daemon", "engine.hpp", "v1::Event next();\n"),
    ("xenstored", "a.cpp", "pid_t child = fork();\n"),
    ("cli", "a.cpp", "std::from_chars(a, b, c);\n"),
]


def main():
    failures = 0
    for folder, name, text in PLANTED:
        if not complaints(folder, name, text):
            print(f"not seen: {text!r} in {folder}/{name}")
            failures += 1
    sources = 0
    for folder, place in PLACES.items():
        for name in sorted(os.listdir(os.path.join(ROOT, place))):
            if not name.endswith((".cpp", ".hpp")):
                continue
            sources += 1
            with open(os.path.join(ROOT, place, name), encoding="utf-8") as file:
                for complaint in complaints(folder, name, file.read()):
                    print(f"{place}/{name}: {complaint}")
                    failures += 1
    if sources < 80 or os.path.exists(os.path.join(ROOT, "dom0-tools/lib/error.hpp")):
        print(f"only {sources} sources found where the layers are")
        failures += 1
    sys.exit(failures != 0)


main()
