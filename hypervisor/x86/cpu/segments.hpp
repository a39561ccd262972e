// SPDX-License-Identifier: MIT
// GDT, TSS, IDT and the system-call registers of a CPU. The guest's descriptors come before ours in the same table.
#pragma once
#include "portable/base/types.hpp"

// Our page of the GDT begins at 0xe000. Three of its selectors are ABI (arch-x86/xen-x86_64.h: FLAT_RING3_*).
namespace hv::selector {
inline constexpr u16 hv_code = 0xe008;
inline constexpr u16 hv_data = 0xe010;
inline constexpr u16 guest_code32 = 0xe023;
inline constexpr u16 guest_data = 0xe02b;
inline constexpr u16 guest_code64 = 0xe033;
inline constexpr u16 tss = 0xe040;
inline constexpr u16 ldt = 0xe050;
}  // namespace hv::selector

namespace hv::segments {
inline constexpr u32 ist_fatal = 1;  // #DF, #MC
inline constexpr u32 ist_nmi = 2;
inline constexpr u32 ist_debug = 3;

void init_idt();       // once
void load(CpuId cpu);  // on each CPU, with its window mapped: GDT, TSS, IDT, selectors, system-call registers
void set_ldt(CpuId cpu, u32 entries);  // 0: no LDT. Of this CPU only.
}  // namespace hv::segments
