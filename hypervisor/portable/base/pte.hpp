// SPDX-License-Identifier: MIT
// A page-table entry as a value (Intel SDM volume 3, 4.5). All levels share the layout as far as PV guests may use it.
#pragma once
#include "portable/base/types.hpp"

namespace hv {
struct Pte {
    static constexpr u64 present = 1u << 0;
    static constexpr u64 writable = 1u << 1;
    static constexpr u64 user = 1u << 2;
    static constexpr u64 write_through = 1u << 3;
    static constexpr u64 cache_disable = 1u << 4;
    static constexpr u64 accessed = 1u << 5;
    static constexpr u64 dirty = 1u << 6;
    static constexpr u64 page_size_or_pat = 1u << 7;
    static constexpr u64 global = 1u << 8;
    static constexpr u64 available = 7u << 9;
    static constexpr u64 available_high = u64{0x7ff} << 52;
    static constexpr u64 no_execute = u64{1} << 63;
    static constexpr u64 address = 0x000f'ffff'ffff'f000;
    static constexpr u64 cache = write_through | cache_disable | page_size_or_pat;

    // Which flags a guest may set; cache bits only with I/O rights, see entry.cpp.
    static constexpr u64 leaf_allowed =
        present | writable | user | accessed | dirty | global | available | available_high | no_execute;
    static constexpr u64 table_allowed =
        present | writable | user | accessed | dirty | available | available_high | no_execute;

    u64 raw = 0;

    bool is_present() const { return raw & present; }
    bool is_writable() const { return raw & writable; }
    Mfn mfn() const { return Mfn{raw << 12 >> 24}; }  // the bits of `address`, with no mask to load
    static Pte make(Mfn mfn, u64 flags) { return Pte{mfn.value << page_shift | flags}; }
    friend constexpr bool operator==(Pte, Pte) = default;
};

constexpr u32 l1_index(u64 va) { return va >> 12 & 511; }
constexpr u32 l2_index(u64 va) { return va >> 21 & 511; }
constexpr u32 l3_index(u64 va) { return va >> 30 & 511; }
constexpr u32 l4_index(u64 va) { return va >> 39 & 511; }

// L4 slots that belong to the hypervisor in every root.
inline constexpr u32 first_hypervisor_slot = 256;
inline constexpr u32 last_hypervisor_slot = 271;
inline constexpr u32 m2p_slot = first_hypervisor_slot;  // filled when a kernel looks at the M2P, see show_m2p
constexpr bool is_hypervisor_slot(u32 slot) { return slot >= first_hypervisor_slot && slot <= last_hypervisor_slot; }

inline constexpr u64 hypervisor_start = 0xffff'8000'0000'0000;
inline constexpr u64 hypervisor_end = 0xffff'8800'0000'0000;  // exclusive

// Whether a guest may name this address at all: its own half, or above the hypervisor (xen-x86_64.h). Such an address
// is canonical.
constexpr bool is_guest_address(u64 va) { return va < (u64{1} << 47) || va >= hypervisor_end; }
constexpr bool is_canonical(u64 va) { return va < (u64{1} << 47) || va >= ~u64{0} << 47; }
}  // namespace hv
