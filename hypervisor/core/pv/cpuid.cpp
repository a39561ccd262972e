// SPDX-License-Identifier: MIT
#include "core/pv/cpuid.hpp"
#include <algorithm>
#include <iterator>
#include "public/version.hpp"

namespace hv::pv {
namespace {
constexpr u32 bit(u32 number) { return u32{1} << number; }
template <class... Numbers>
constexpr u32 bits(Numbers... numbers) {
    return (bit(static_cast<u32>(numbers)) | ...);
}

// What passes from the machine to a guest. Lists of what is allowed: a feature that nobody has thought about stays off.
// Hidden on purpose are large and global pages, everything that needs ring 0 or an MSR that is not virtualised, and
// processor state that is not switched.
//                               SSE3 PCLMUL SSSE3 FMA CX16 SSE4.1 SSE4.2 MOVBE POPCNT AES XSAVE AVX F16C RDRAND
constexpr u32 leaf1_ecx = bits(0, 1, 9, 12, 13, 19, 20, 22, 23, 25, 26, 28, 29, 30);
//                               FPU DE TSC MSR PAE MCE CX8 APIC MCA CMOV PAT CLFLUSH MMX FXSR SSE SSE2 SS
constexpr u32 leaf1_edx = bits(0, 2, 4, 5, 6, 7, 8, 9, 14, 15, 16, 19, 23, 24, 25, 26, 27);
//                               FSGSBASE BMI1 AVX2 FDP_EXCPTN_ONLY BMI2 ERMS NO_FPU_SEL RDSEED ADX CLFLUSHOPT CLWB SHA
constexpr u32 leaf7_ebx = bits(0, 3, 5, 6, 8, 9, 13, 18, 19, 23, 24, 29);
constexpr u32 leaf7_ecx = bits(8, 9, 10);  // GFNI VAES VPCLMULQDQ
constexpr u32 leaf7_edx = bits(4, 10);     // FSRM MD_CLEAR
//                               LAHF ABM SSE4A MISALIGNSSE 3DNOWPREFETCH XOP FMA4 TBM
constexpr u32 extended_ecx = bits(0, 5, 6, 7, 8, 11, 16, 21);
//                               FPU DE TSC MSR PAE MCE CX8 APIC SYSCALL MCA CMOV PAT NX MMXEXT MMX FXSR RDTSCP LM
//                               3DNOWEXT 3DNOW
constexpr u32 extended_edx = bits(0, 2, 4, 5, 6, 7, 8, 9, 11, 14, 15, 16, 20, 22, 23, 24, 27, 29, 30, 31);
//                               CLZERO XSAVEERPTR SSB_NO BTC_NO
constexpr u32 extended8_ebx = bits(0, 2, 26, 29);

constexpr u32 ecx_xsave = bit(26);
constexpr u32 ecx_osxsave = bit(27);
constexpr u32 ecx_avx = bit(28);
constexpr u32 ecx_hypervisor = bit(31);
// What goes with the wider registers, should the machine not let them be saved.
constexpr u32 leaf1_ecx_avx = bits(12, 28, 29);
constexpr u32 leaf7_ebx_avx = bits(5);
constexpr u32 leaf7_ecx_avx = bits(9, 10);
constexpr u32 extended_ecx_avx = bits(11, 16);
constexpr u32 ebx_erms = bit(9);
constexpr u32 edx_fsrm = bit(4);
constexpr u32 ebx_fsgsbase = bit(0);
constexpr u32 edx_invariant_tsc = bit(8);
constexpr u32 xsave_optimised = bit(0);
constexpr u32 xsave_compacted = bit(1);
constexpr u32 xsave_xgetbv1 = bit(2);

constexpr u32 last_basic_leaf = 0xd;
constexpr u32 last_extended_leaf = 0x8000'0008;
constexpr u32 last_hypervisor_leaf = hypervisor_leaf + 5;
constexpr u32 linear_address_bits = 48;  // four levels, whatever the machine could do
// Linux chooses grant tables of version 2 for wider machine addresses.
constexpr u32 widest_for_grant_v1 = 44;

bool saves_avx(u32 leaf1) { return (~leaf1 & (ecx_xsave | ecx_avx)) == 0; }

CpuidLeaf features(HostCpuid host, CpuidGuest const& guest) {
    CpuidLeaf leaf = host(1, 0);
    constexpr u32 cache_line_field = 0xff00;
    constexpr u32 apic_id_shift = 24;
    leaf.ebx = (leaf.ebx & cache_line_field) | apic_id_of(guest.vcpu) << apic_id_shift;
    if (!saves_avx(leaf.ecx)) leaf.ecx &= ~leaf1_ecx_avx;
    leaf.ecx = (leaf.ecx & leaf1_ecx) | ecx_hypervisor;
    // Visible from the start: Linux gives up XSAVE if its boot code, which has not touched CR4 yet, does not find it.
    if ((leaf.ecx & ecx_xsave) != 0) leaf.ecx |= ecx_osxsave;
    leaf.edx &= leaf1_edx;
    return leaf;
}

u64 offered_xcr0(HostCpuid host) {
    if ((host(1, 0).ecx & ecx_xsave) == 0) return 0;
    return host(last_basic_leaf, 0).eax & guest_xcr0_mask;
}

constexpr u32 xsave_legacy_and_header = 512 + 64;

// Bytes of the area for the components in `xcr0`, each at its fixed place or packed one behind the other.
u32 xsave_size(HostCpuid host, u64 xcr0, bool compacted) {
    u32 size = xsave_legacy_and_header;
    for (u32 component = 2; component < 64; ++component) {
        if ((xcr0 >> component & 1) == 0) continue;
        CpuidLeaf leaf = host(last_basic_leaf, component);
        bool aligned = (leaf.ecx & 2) != 0;
        u32 offset = !compacted ? leaf.ebx : aligned ? static_cast<u32>(round_up(size, 64)) : size;
        size = std::max(size, offset + leaf.eax);
    }
    return size;
}

CpuidLeaf extended_state(HostCpuid host, CpuidGuest const& guest, u32 subleaf) {
    u64 offered = offered_xcr0(host);
    if (offered == 0) return {};
    u64 enabled = guest.xcr0 & offered;
    switch (subleaf) {
        case 0:
            return {.eax = static_cast<u32>(offered),
                    .ebx = xsave_size(host, enabled, false),
                    .ecx = xsave_size(host, offered, false),
                    .edx = 0};
        case 1: {
            u32 kinds = host(last_basic_leaf, 1).eax & (xsave_optimised | xsave_compacted | xsave_xgetbv1);
            bool compacted = (kinds & xsave_compacted) != 0;
            return {.eax = kinds, .ebx = compacted ? xsave_size(host, enabled, true) : 0, .ecx = 0, .edx = 0};
        }
        default:
            if (subleaf >= 64 || (offered >> subleaf & 1) == 0) return {};
            return host(last_basic_leaf, subleaf);
    }
}

CpuidLeaf basic(HostCpuid host, CpuidGuest const& guest, u32 leaf, u32 subleaf) {
    CpuidLeaf value{};
    switch (leaf) {
        case 0:
            value = host(0, 0);
            value.eax = std::min(value.eax, last_basic_leaf);
            return value;
        case 1: return features(host, guest);
        case 2: return host(2, subleaf);
        case 4: {  // caches; each belongs to one vCPU alone
            constexpr u32 without_sharing = 0x3fff;
            value = host(4, subleaf);
            value.eax &= without_sharing;
            return value;
        }
        case 7:
            if (subleaf != 0) return {};
            value = host(7, 0);
            if (!saves_avx(host(1, 0).ecx)) {
                value.ebx &= ~leaf7_ebx_avx;
                value.ecx &= ~leaf7_ecx_avx;
            }
            if ((value.ebx & ebx_erms) == 0) value.edx &= ~edx_fsrm;
            return {.eax = 0, .ebx = value.ebx & leaf7_ebx, .ecx = value.ecx & leaf7_ecx, .edx = value.edx & leaf7_edx};
        case last_basic_leaf: return extended_state(host, guest, subleaf);
        default: return {};  // serial number, MWAIT, thermal, performance counters, topology
    }
}

// AMD's processors since Zen refer from a cache's associativity to leaf 0x8000'001d, which no guest sees. The number of
// ways itself in its place (APM volume 3, E.4.5), or the reader computes with none.
u32 with_own_associativity(HostCpuid host, u32 cache, u32 subleaf) {
    constexpr u32 shift = 12, field = 0xf << shift, see_cache_leaf = 9, cache_leaf = 0x8000'001d;
    constexpr u32 ways_of[] = {0, 1, 2, 3, 4, 6, 8, 0, 16, 0, 32, 48, 64, 96, 128};
    if ((cache & field) >> shift != see_cache_leaf || host(0x8000'0000, 0).eax < cache_leaf) return cache;
    u32 const ways = (host(cache_leaf, subleaf).ebx >> 22) + 1;
    u32 encoded = 1;
    for (u32 i = 2; i < std::size(ways_of); ++i)
        if (ways_of[i] && ways_of[i] <= ways) encoded = i;
    return (cache & ~field) | encoded << shift;
}

CpuidLeaf extended(HostCpuid host, CpuidGuest const& guest, u32 leaf) {
    CpuidLeaf value = host(leaf, 0);
    switch (leaf) {
        case 0x8000'0000: value.eax = std::min(value.eax, last_extended_leaf); return value;
        case 0x8000'0001:
            value.ebx = 0;
            value.ecx &= saves_avx(host(1, 0).ecx) ? extended_ecx : extended_ecx & ~extended_ecx_avx;
            value.edx &= extended_edx;
            return value;
        case 0x8000'0007: {
            // A guest may go on on another machine; dom0 may not.
            bool invariant = guest.privileged && guest.tsc_is_stable;
            return {.eax = 0, .ebx = 0, .ecx = 0, .edx = invariant ? value.edx & edx_invariant_tsc : 0};
        }
        case 0x8000'0006:
            value.ecx = with_own_associativity(host, value.ecx, 2);
            value.edx = with_own_associativity(host, value.edx, 3);
            return value;
        case 0x8000'0008:
            return {.eax = guest.address_bits | linear_address_bits << 8,
                    .ebx = value.ebx & extended8_ebx,
                    .ecx = 0,
                    .edx = 0};
        default: return value;  // the brand, caches and TLBs
    }
}

CpuidLeaf hypervisor(CpuidGuest const& guest, u32 leaf, u32 subleaf) {
    constexpr u32 hypercall_page_msr = 0x4000'0000;
    constexpr u32 preserves_ad = 1;  // MMU_PT_UPDATE_PRESERVE_AD works
    constexpr u32 tsc_safe = 1u << 1;
    constexpr u32 has_rdtscp = 1u << 2;
    switch (leaf - hypervisor_leaf) {
        case 0: return {.eax = last_hypervisor_leaf, .ebx = 0x566e'6558, .ecx = 0x6558'4d4d, .edx = 0x4d4d'566e};
        case 1: return {.eax = abi::interface_version, .ebx = 0, .ecx = 0, .edx = 0};
        case 2: return {.eax = 1, .ebx = hypercall_page_msr, .ecx = preserves_ad, .edx = 0};
        case 3: {
            u32 flags = has_rdtscp | (guest.tsc_is_stable ? tsc_safe : 0);
            if (subleaf == 0) return {.eax = flags, .ebx = 0, .ecx = guest.tsc_khz, .edx = 0};
            return {.eax = subleaf == 2 ? guest.tsc_khz : 0, .ebx = 0, .ecx = 0, .edx = 0};
        }
        case 5: return {.eax = 0, .ebx = std::min(guest.address_bits, widest_for_grant_v1), .ecx = 0, .edx = 0};
        default: return {};
    }
}
}  // namespace

CpuidLeaf guest_cpuid(HostCpuid host, CpuidGuest const& guest, u32 leaf, u32 subleaf) {
    constexpr u32 extended_start = 0x8000'0000;
    if (leaf <= last_basic_leaf) return leaf <= host(0, 0).eax ? basic(host, guest, leaf, subleaf) : CpuidLeaf{};
    if (leaf >= hypervisor_leaf && leaf <= last_hypervisor_leaf) return hypervisor(guest, leaf, subleaf);
    if (leaf >= extended_start && leaf <= last_extended_leaf && leaf <= host(extended_start, 0).eax)
        return extended(host, guest, leaf);
    return {};
}

CpuidLeaf switched_cpuid(HostCpuid host, u32 leaf, u32 subleaf) {
    //                               MPX AVX512F DQ IFMA PF ER CD BW VL
    constexpr u32 ebx_wider = bits(14, 16, 17, 21, 26, 27, 28, 30, 31);
    //                               VBMI PKU OSPKE VBMI2 CET_SS VNNI BITALG VPOPCNTDQ
    constexpr u32 ecx_wider = bits(1, 3, 4, 6, 7, 11, 12, 14);
    //                               4VNNIW 4FMAPS UINTR VP2INTERSECT CET_IBT AMX_BF16 AVX512_FP16 AMX_TILE AMX_INT8
    constexpr u32 edx_wider = bits(2, 3, 5, 8, 20, 22, 23, 24, 25);
    constexpr u32 eax_wider = bits(5, 21);  // AVX512_BF16 AMX_FP16
    CpuidLeaf value = host(leaf, subleaf);
    if (leaf == last_basic_leaf) return extended_state(host, {.xcr0 = guest_xcr0_mask}, subleaf);
    if (leaf == 7 && subleaf == 0) {
        value.ebx &= ~ebx_wider;
        value.ecx &= ~ecx_wider;
        value.edx &= ~edx_wider;
        if (!saves_avx(host(1, 0).ecx)) {
            value.ebx &= ~leaf7_ebx_avx;
            value.ecx &= ~leaf7_ecx_avx;
        }
    }
    if (leaf == 7 && subleaf == 1) value.eax &= ~eax_wider;
    if (leaf == 1 && !saves_avx(value.ecx)) value.ecx &= ~leaf1_ecx_avx;
    return value;
}

u64 choosable_cr4(HostCpuid host, u64 written) {
    constexpr u64 fsgsbase = 1u << 16;
    u64 chosen = written & cr4_choosable;
    if ((host(7, 0).ebx & ebx_fsgsbase) == 0) chosen &= ~fsgsbase;
    if ((host(1, 0).ecx & ecx_xsave) == 0) chosen &= ~cr4_osxsave;
    return chosen;
}

bool is_valid_xcr0(HostCpuid host, u64 xcr0) {
    constexpr u64 x87 = 1;
    constexpr u64 sse = 2;
    constexpr u64 avx = 4;
    if ((xcr0 & x87) == 0 || (xcr0 & ~offered_xcr0(host)) != 0) return false;
    return (xcr0 & avx) == 0 || (xcr0 & sse) != 0;  // the processor itself refuses AVX without SSE
}
}  // namespace hv::pv
