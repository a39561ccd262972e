// SPDX-License-Identifier: MIT
// The processor that a PV guest sees: the machine's CPUID less what a guest in ring 3 cannot have, plus the leaves that
// describe the hypervisor. Pure: the machine's leaves come through a function.
#pragma once
#include "core/hal/cpuid_leaf.hpp"

namespace hv::pv {
using HostCpuid = CpuidLeaf (*)(u32 leaf, u32 subleaf);

// Who asks.
struct CpuidGuest {
    bool privileged = false;
    VcpuId vcpu{};
    u64 xcr0 = 1;           // virtual; leaf 0xd reports the size of what it enables
    u32 address_bits = 40;  // of the machine
    u32 tsc_khz = 0;
    bool tsc_is_stable = false;
};

// The number of a vCPU's APIC, as on Xen. Leaf 1 has eight bits for it, and 0xff is for all of them.
inline constexpr u32 apic_id_limit = 0xff;
constexpr u32 apic_id_of(VcpuId vcpu) { return vcpu.value * 2; }

inline constexpr u32 hypervisor_leaf = 0x4000'0000;
inline constexpr u64 guest_xcr0_mask = 0x7;  // x87, SSE, AVX

CpuidLeaf guest_cpuid(HostCpuid host, CpuidGuest const& guest, u32 leaf, u32 subleaf);
// The machine's without the processor state that the hypervisor does not switch, and all that goes with it.
CpuidLeaf switched_cpuid(HostCpuid host, u32 leaf, u32 subleaf);

// Control register 4: the bits that a guest may choose, those that it always reads as set, and the value it sees.
inline constexpr u64 cr4_osxsave = 1u << 18;
inline constexpr u64 cr4_choosable = 1u << 2 | 1u << 3 | 1u << 16 | cr4_osxsave;  // TSD, DE, FSGSBASE, OSXSAVE
inline constexpr u64 cr4_always = 1u << 5 | 1u << 6 | 1u << 9 | 1u << 10;         // PAE, MCE, OSFXSR, OSXMMEXCPT
u64 choosable_cr4(HostCpuid host, u64 written);                                   // what of a write takes effect
constexpr u64 visible_cr4(u64 chosen) { return (chosen & cr4_choosable) | cr4_always; }

// Whether a guest may set this XCR0.
bool is_valid_xcr0(HostCpuid host, u64 xcr0);
}  // namespace hv::pv
