// SPDX-License-Identifier: MIT
// What a guest may put into the debug registers (Intel SDM volume 3, 17.2).
#pragma once
#include "core/mm/pte.hpp"

namespace hv::pv {
// Breakpoints lie in guest memory, where the hypervisor executes nothing.
constexpr bool is_valid_breakpoint(u64 address) { return is_guest_address(address); }

constexpr u64 fixed_dr6(u64 value) { return (value & 0xe00f) | 0xffff'0ff0; }

// General detect would trap the hypervisor's own accesses to these registers, I/O breakpoints its port accesses.
constexpr bool is_valid_dr7(u64 value) {
    constexpr u64 general_detect = 1u << 13;
    constexpr u64 io_access = 2;
    if (value >> 32 || (value & general_detect)) return false;
    for (u32 i = 0; i < 4; ++i)
        if ((value >> (16 + i * 4) & 3) == io_access) return false;
    return true;
}
constexpr u64 fixed_dr7(u64 value) { return (value & 0xffff'03ff) | 0x400; }
}  // namespace hv::pv
