#!/bin/bash
# SPDX-License-Identifier: MIT
# Every C++ file is as clang-format would write it.
cd "$(dirname "$0")/../.." || exit 1
find hypervisor frontends dom0-tools backends tests \( -name '*.cpp' -o -name '*.hpp' \) -print0 |
    xargs -0 -r -n 40 clang-format --dry-run --Werror 2>&1 | grep -E '^[^ ].*error' | sed 's/:[0-9]*:[0-9]*:.*//' | sort | uniq -c |
    { ! grep . ; }
