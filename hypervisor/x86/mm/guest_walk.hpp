// SPDX-License-Identifier: MIT
// Short reads for the emulation of page-table writes: of an instruction, and of the entry that maps an address.
#pragma once
#include "core/mm/pte.hpp"
#include "x86/mm/paging.hpp"

namespace hv::x86 {
// Eight bytes at `address`, or false if reading them faults.
inline bool try_read(u64 address, u64& value) {
    asm goto(
        "1: movq (%1), %0\n\t"
        ".pushsection .extable, \"a\"; .quad 1b, %l2; .popsection"
        : "=r"(value)
        : "r"(address)
        : "memory"
        : fault);
    return true;
fault:
    return false;
}

// The entry of that level that leads to a guest address below a root; one that is not present if there is none.
// Another vCPU may take the tables apart meanwhile, so what is read may be no table any more: then the result is
// nonsense, or none, but nothing outside RAM is touched, as the direct map has nothing else. The caller checks what it
// does with it.
template <u32 level>
inline Pte walk_guest(u64 root, u64 va) {
    u64 entry = root | Pte::present;
#pragma GCC unroll 4
    for (u32 shift = 39; shift >= 3 + 9 * level; shift -= 9) {
        u64 place = paging::direct_map_base + (entry & Pte::address) + (va >> (shift - 3) & 0xff8);
        if (!(entry & Pte::present) || !try_read(place, entry)) return Pte{0};
    }
    return Pte{entry};
}
}  // namespace hv::x86
