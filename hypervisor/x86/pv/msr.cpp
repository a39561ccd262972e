// SPDX-License-Identifier: MIT
// The model-specific registers a PV kernel touches. Those of other purposes fault: Linux has fixups for all of them.
#include "x86/cpu/msr.hpp"
#include <algorithm>
#include <iterator>
#include "core/hal.hpp"
#include "core/mm/pte.hpp"
#include "x86/cpu/features.hpp"
#include "x86/cpu/this_cpu.hpp"
#include "x86/pv/priv_op.hpp"

namespace hv::x86 {
namespace {
constexpr u32 mcg_cap = 0x179;
constexpr u32 first_bank = 0x400;
constexpr u32 virtual_banks = 2;
constexpr u32 registers_per_bank = 4;
constexpr u32 general_protection = 13;
constexpr u64 apic_base_value = 0xfee0'0000 | 1u << 11;  // enabled
constexpr u64 apic_base_bsp = 1u << 8;

// Chipset and power registers whose values say nothing to a guest, and whose writes may vanish: Intel SDM volume 4
// (platform id, feature control, microcode revision, feature enables, MCG status, miscellaneous enables), AMD APM
// volume 2 appendix A (FID and VID, hardware and northbridge configuration, patch loader, interrupt pending, decode
// configuration).
constexpr u32 ignored[] = {0x17,        0x3a,        0x8b,        0x140,       0x17a,       0x1a0,
                           0xc001'0007, 0xc001'0015, 0xc001'001f, 0xc001'0020, 0xc001'0055, 0xc001'1029};

bool is_ignored(u32 index) {
    bool is_bank = index >= first_bank && index < first_bank + virtual_banks * registers_per_bank;
    return is_bank || std::find(std::begin(ignored), std::end(ignored), index) != std::end(ignored);
}
}  // namespace

Result<u64> read_guest_msr(Vcpu& vcpu, u32 index) {
    switch (index) {
        case msr::fs_base:
        case msr::gs_base:         // of the kernel: the guest is in kernel mode
        case msr::kernel_gs_base:  // of its user space
        case msr::pat: return msr::read(index);
        case msr::efer: return msr::read(index) & ~msr::efer_svme;
        case msr::apic_base: return apic_base_value | (vcpu.id.value == 0 ? apic_base_bsp : 0);
        case msr::tsc: return hal::read_tsc();
        case msr::tsc_aux: return vcpu.tsc_aux;
        case mcg_cap: return u64{virtual_banks};
        default: break;
    }
    if (is_ignored(index)) return u64{0};
    // Before the guest can take a #GP, a refusal would be its end.
    if (vcpu.traps[general_protection].address == 0) return u64{0};
    return Errno::perm;
}

bool write_guest_msr(Vcpu& vcpu, u32 index, u64 value) {
    switch (index) {
        case msr::fs_base:
        case msr::gs_base:
        case msr::kernel_gs_base:
            if (!is_canonical(value)) return false;
            msr::write(index, value);
            return true;
        case msr::efer: return value == (msr::read(index) & ~msr::efer_svme);
        case msr::pat: return value == msr::read(index);
        case msr::tsc_aux:
            if (value >> 32 || !features::has_rdtscp()) return false;
            vcpu.tsc_aux = this_cpu().tsc_aux = value;
            msr::write(index, value);
            return true;
        default: break;
    }
    return is_ignored(index) || vcpu.traps[general_protection].address == 0;
}
}  // namespace hv::x86
