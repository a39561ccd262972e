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

// The level-1 entry that maps a guest address below a root. Another vCPU may take the tables apart meanwhile, so what
// is read may be no table any more: then the result is nonsense, or none, but nothing outside RAM is touched, as the
// direct map has nothing else. The caller checks what it does with it.
inline Pte walk_guest(u64 root, u64 va) {
    u64 table = root;
#pragma GCC unroll 3
    for (u32 level = 3; level > 0; --level) {
        u32 shift = 12 + 9 * level;
        u64 place = paging::direct_map_base + (table & Pte::address) + (va >> (shift - 3) & 0xff8);
        if (!try_read(place, table) || !(table & Pte::present)) return Pte{0};
    }
    u64 leaf;
    if (!try_read(paging::direct_map_base + (table & Pte::address) + (va >> 9 & 0xff8), leaf)) return Pte{0};
    return Pte{leaf};
}
}  // namespace hv::x86
