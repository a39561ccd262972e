#!/bin/bash
# SPDX-License-Identifier: MIT
# The bounds on size and form: the hypervisor under 20,000 lines, no file above 500, a licence line first in every
# file.
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

budget=20000
lines=$(cat hypervisor/{base,core,x86}/**/*.{cpp,hpp,h,S,ld} | wc -l)
echo "the hypervisor without public/ has $lines lines of $budget"
[ "$lines" -lt "$budget" ] || complain "the hypervisor has $lines lines, the budget is $budget"

[ "$failures" = 0 ]
