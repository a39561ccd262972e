// SPDX-License-Identifier: MIT
// The model-specific registers a PV kernel touches. Those of other purposes fault: Linux has fixups for all of them.
#include "x86/cpu/msr.hpp"
#include "core/hal.hpp"
#include "core/mm/pte.hpp"
#include "x86/cpu/features.hpp"
#include "x86/cpu/this_cpu.hpp"
#include "x86/pv/priv_op.hpp"

namespace hv::x86 {
namespace {
// Beyond those that the hypervisor uses itself: Intel SDM volume 4, AMD APM volume 2 appendix A.
enum Index : u32 {
    platform_id = 0x17,
    feature_control = 0x3a,
    microcode_revision = 0x8b,
    misc_feature_enables = 0x140,
    mcg_cap = 0x179,
    mcg_status = 0x17a,
    misc_enable = 0x1a0,
    first_bank = 0x400,
    amd_fid_vid = 0xc001'0007,
    amd_hwcr = 0xc001'0015,
    amd_nb_cfg = 0xc001'001f,
    amd_patch_loader = 0xc001'0020,
    amd_interrupt_pending = 0xc001'0055,
    amd_decode_config = 0xc001'1029,
};

constexpr u32 virtual_banks = 2;
constexpr u32 registers_per_bank = 4;
constexpr u32 general_protection = 13;
constexpr u64 apic_base_value = 0xfee0'0000 | 1u << 11;  // enabled
constexpr u64 apic_base_bsp = 1u << 8;

bool is_bank(u32 index) { return index >= first_bank && index < first_bank + virtual_banks * registers_per_bank; }

// Chipset and power registers whose values say nothing to a guest, and whose writes may vanish.
bool is_ignored(u32 index) {
    switch (index) {
        case platform_id:
        case feature_control:
        case microcode_revision:
        case misc_feature_enables:
        case mcg_status:
        case misc_enable:
        case amd_fid_vid:
        case amd_hwcr:
        case amd_nb_cfg:
        case amd_patch_loader:
        case amd_interrupt_pending:
        case amd_decode_config: return true;
        default: return is_bank(index);
    }
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
