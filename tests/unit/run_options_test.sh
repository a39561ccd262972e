#!/bin/bash
# SPDX-License-Identifier: MIT
# What ./run and ./test refuse, before they install or build anything, and in which words.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
failures=0

# refuses MESSAGE COMMAND...
refuses() {
    local expected=$1 said
    shift
    said=$("$@" 2>&1 </dev/null) && said="(it succeeded) $said"
    [ "$said" = "$expected" ] || { echo "FAILED: ${*#"$top/"}: $said"; failures=$((failures + 1)); }
}

run=$top/run
refuses "run: unknown option --fly (./run --help)" "$run" --fly
refuses "run: --dom0-kernel needs a value (./run --help)" "$run" --dom0-kernel
refuses "run: these options need --dom0-kernel FILE (./run --help)" "$run" --dom0-cmdline x
refuses "run: --build boots nothing, --dom0-kernel does (./run --help)" "$run" --build --dom0-kernel "$0"
refuses "run: no file /no/kernel" "$run" --dom0-kernel /no/kernel
refuses "run: no file $top" "$run" --dom0-kernel "$top"
refuses "run: no file /no/hypervisor" env PARAVANE_HYPERVISOR=/no/hypervisor "$run"
refuses "test: unknown option --fly (./test --help)" "$top/test" --fly
refuses "unpack_kernel: /no/kernel: No such file or directory" "$top/dom0-tools/image/unpack_kernel" /no/kernel /dev/null
exit "$failures"
