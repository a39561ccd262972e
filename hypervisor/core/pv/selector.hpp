// SPDX-License-Identifier: MIT
// Segment selectors that the hypervisor loads for a guest, and the assists it offers (xen.h).
#pragma once
#include "base/types.hpp"
#include "public/vcpu.hpp"

namespace hv::pv {
// Guests run at ring 3, whatever privilege level a selector asks for.
constexpr u16 stack_selector(u16 selector) { return selector | 3; }
// A null code selector means the flat one.
constexpr u16 code_selector(u16 selector) {
    return static_cast<u16>((selector & ~3) ? selector | 3 : abi::selector::flat_cs64);
}

namespace assist {
inline constexpr u32 segments_4gb = 0;
inline constexpr u32 writable_pagetables = 2;
inline constexpr u32 pae_extended_cr3 = 3;
inline constexpr u32 runstate_update_flag = 5;
}  // namespace assist
inline constexpr u64 supported_assists =
    u64{1} << assist::writable_pagetables | u64{1} << assist::pae_extended_cr3 | u64{1} << assist::runstate_update_flag;
}  // namespace hv::pv
