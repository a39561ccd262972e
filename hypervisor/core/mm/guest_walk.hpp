// SPDX-License-Identifier: MIT
// The way from a root to an entry, without holding the tables on it. Another vCPU may take them apart meanwhile, so
// what is read may be no table any more: then the result is nonsense, or none, but nothing outside RAM is touched, as
// the direct map has nothing else. The caller checks what it gets to.
#pragma once
#include "core/hal/memory.hpp"
#include "portable/base/pte.hpp"

namespace hv {
// The entry of that level that leads to a guest's address; one that is not present if there is none.
template <u32 level>
[[gnu::always_inline]] inline Pte walk_guest(u64 root, u64 va) {
    u64 entry = root | Pte::present;
#pragma GCC unroll 4
    for (u32 shift = 39; shift >= 3 + 9 * level; shift -= 9) {
        if (!(entry & Pte::present)) return Pte{0};
        entry = hal::read_or_zero(Maddr{(entry & Pte::address) + (va >> (shift - 3) & 0xff8)});
    }
    return Pte{entry};
}
}  // namespace hv
