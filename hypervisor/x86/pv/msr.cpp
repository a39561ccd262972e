// SPDX-License-Identifier: MIT
// The model-specific registers a PV kernel touches. Those of other purposes fault: Linux has fixups for all of them.
#include "x86/cpu/msr.hpp"
#include <optional>
#include "core/domain.hpp"
#include "core/hal/cpu.hpp"
#include "core/hal/time.hpp"
#include "core/pv/constant_msr.hpp"
#include "portable/base/pte.hpp"
#include "x86/cpu/features.hpp"
#include "x86/cpu/this_cpu.hpp"
#include "x86/pv/priv_op.hpp"

namespace hv::x86 {
namespace {
constexpr u32 general_protection = 13;
constexpr u64 apic_base_value = 0xfee0'0000 | 1u << 11;  // enabled
constexpr u64 apic_base_bsp = 1u << 8;

// Nothing if this guest and this processor have no such register.
std::optional<u64> constant(Vcpu const& vcpu, u32 index) {
    pv::CpuidGuest const guest{.privileged = vcpu.domain->privileged, .tsc_is_stable = hal::tsc_is_stable()};
    return pv::constant_msr(hal::cpuid, guest, index);
}
}  // namespace

Result<u64> read_guest_msr(Vcpu& vcpu, u32 index) {
    switch (index) {
        case msr::fs_base:
        case msr::gs_base:         // of the kernel: the guest is in kernel mode
        case msr::kernel_gs_base:  // of its user space
        case msr::pat: return msr::read(index);
        case msr::efer: return msr::read(index) & ~(msr::efer_svme | msr::efer_aibrse);
        case msr::apic_base: return apic_base_value | (vcpu.id.value == 0 ? apic_base_bsp : 0);
        case msr::tsc: return hal::read_tsc();
        case msr::tsc_aux: return vcpu.tsc_aux;
        case msr::microcode:
            if (Result<u64> revision = msr::try_read(index)) return revision;
            break;
        case msr::decode_configuration:  // Linux 5.4 takes LFENCE for serializing only if its write is seen
            if (Result<u64> value = msr::try_read(index)) return *value & msr::lfence_serializes;
            break;
        default: break;
    }
    if (std::optional<u64> value = constant(vcpu, index)) return *value;
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
        case msr::efer: return value == (msr::read(index) & ~(msr::efer_svme | msr::efer_aibrse));
        case msr::pat: return value == msr::read(index);
        case msr::tsc_aux:
            if (value >> 32 || !features::found.rdtscp) return false;
            vcpu.tsc_aux = this_cpu().tsc_aux = value;
            msr::write(index, value);
            return true;
        case msr::microcode:
        case msr::decode_configuration:
            if (msr::try_read(index)) return true;  // vanishes
            break;
        default: break;
    }
    return constant(vcpu, index) || vcpu.traps[general_protection].address == 0;
}
}  // namespace hv::x86
