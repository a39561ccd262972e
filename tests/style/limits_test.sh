#!/bin/bash
# SPDX-License-Identifier: MIT
# The bounds on size and form: of the hypervisor, of what it shares, of each file (500); a licence line first in each.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
shopt -s globstar nullglob
failures=0
complain() { echo "$*"; failures=$((failures + 1)); }

sources=({hypervisor,frontends,dom0-tools,backends,tests}/**/*.{cpp,hpp,S,h,c,ld,py,sh})
[ ${#sources[@]} -gt 100 ] || complain "only ${#sources[@]} source files found"
for file in "${sources[@]}"; do
    lines=$(wc -l <"$file")
    [ "$lines" -le 500 ] || complain "$file: $lines lines, more than 500"
    head -n 3 "$file" | grep -q 'SPDX-License-Identifier: MIT' || complain "$file: no licence line at the top"
done

bound() {  # name lines files...
    local name=$1 budget=$2
    shift 2
    lines=$(cat "$@" | wc -l)
    echo "$name has $lines lines of $budget"
    [ "$lines" -lt "$budget" ] || complain "$name has $lines lines, the budget is $budget"
}
bound "the hypervisor without public/ and portable/" 19000 hypervisor/{base,core,x86}/**/*.{cpp,hpp,h,S,ld}
bound "what it shares with tools, backends and guests" 2000 hypervisor/portable/**/*.{cpp,hpp}

[ "$failures" = 0 ]
