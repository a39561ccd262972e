// SPDX-License-Identifier: MIT
#include "core/pv/constant_msr.hpp"

namespace hv::pv {
namespace {
// Intel SDM volume 4, AMD APM volume 2 appendix A.
constexpr u32 platform_id = 0x17;
constexpr u32 feature_control = 0x3a;
constexpr u32 feature_enables = 0x140;
constexpr u32 mcg_cap = 0x179;
constexpr u32 mcg_status = 0x17a;
constexpr u32 misc_enable = 0x1a0;
constexpr u32 first_bank = 0x400;
constexpr u32 hardware_configuration = 0xc001'0015;
constexpr u32 northbridge_configuration = 0xc001'001f;
constexpr u32 patch_loader = 0xc001'0020;
constexpr u32 interrupt_pending = 0xc001'0055;

constexpr u64 virtual_banks = 2;
constexpr u64 registers_per_bank = 4;
constexpr u64 locked = 1;  // feature control: nothing is enabled, and that is final
// Fast strings: off, they make Linux withdraw ERMS and then run a routine that was patched for FSRM. No branch trace
// store and no precise events, as CPUID says as well.
constexpr u64 fast_strings = 1u << 0, no_branch_trace = 1u << 11, no_precise_events = 1u << 12;
constexpr u64 tsc_at_nominal_frequency = 1u << 24;

enum class Vendor : u8 { intel, amd, other };

Vendor vendor_of(HostCpuid host) {
    switch (host(0, 0).ebx) {
        case 0x756e'6547: return Vendor::intel;  // Genu
        case 0x6874'7541:                        // Auth
        case 0x6f67'7948: return Vendor::amd;    // Hygo
        default: return Vendor::other;
    }
}

std::optional<u64> of_intel(u32 index) {
    switch (index) {
        case feature_control: return locked;
        case misc_enable: return fast_strings | no_branch_trace | no_precise_events;
        case platform_id:
        case feature_enables: return 0;
        default: return std::nullopt;
    }
}

std::optional<u64> of_amd(HostCpuid host, CpuidGuest const& guest, u32 index) {
    switch (index) {
        case hardware_configuration: {  // must agree with the invariant TSC, or Linux blames the firmware
            constexpr u32 power_leaf = 0x8000'0007;
            return guest_cpuid(host, guest, power_leaf, 0).edx ? tsc_at_nominal_frequency : 0;
        }
        case northbridge_configuration:
        case patch_loader:
        case interrupt_pending: return 0;
        default: return std::nullopt;
    }
}
}  // namespace

std::optional<u64> constant_msr(HostCpuid host, CpuidGuest const& guest, u32 index) {
    if (index == mcg_cap) return virtual_banks;
    if (index == mcg_status || (index >= first_bank && index < first_bank + virtual_banks * registers_per_bank))
        return 0;
    switch (vendor_of(host)) {
        case Vendor::intel: return of_intel(index);
        case Vendor::amd: return of_amd(host, guest, index);
        case Vendor::other: return std::nullopt;
    }
    return std::nullopt;
}
}  // namespace hv::pv
