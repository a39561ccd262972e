// SPDX-License-Identifier: MIT

#include "core/pv/cpuid.hpp"

#include "core/vcpu.hpp"

#include <cpuid.h>
#include <gtest/gtest.h>

namespace {
using namespace hv;
using namespace hv::pv;

// A machine with every bit set, so that whatever is not held back shows.
CpuidLeaf everything(u32 leaf, u32 subleaf) {
    CpuidLeaf all{.eax = ~0u, .ebx = ~0u, .ecx = ~0u, .edx = ~0u};
    if (leaf == 0) all.eax = 0x20;
    if (leaf == 0x8000'0000) all.eax = 0x8000'0021;
    if (leaf == 0xd && subleaf == 0) all.eax = 0x2e7;
    if (leaf == 0xd && subleaf == 2) return {.eax = 256, .ebx = 576, .ecx = 0, .edx = 0};
    return all;
}
CpuidLeaf nothing(u32 leaf, u32) { return leaf == 0 ? CpuidLeaf{.eax = 0xd} : CpuidLeaf{}; }
CpuidLeaf this_machine(u32 leaf, u32 subleaf) {
    CpuidLeaf value;
    __cpuid_count(leaf, subleaf, value.eax, value.ebx, value.ecx, value.edx);
    return value;
}

bool has(u32 word, u32 bit) { return (word >> bit & 1) != 0; }

TEST(Cpuid, HidesWhatAGuestInRing3CannotHave) {
    CpuidLeaf one = guest_cpuid(everything, {}, 1, 0);
    for (u32 bit : {1u /*VME*/, 3u /*PSE*/, 12u /*MTRR*/, 13u /*PGE*/, 17u /*PSE36*/, 18u, 21u, 22u, 29u})
        EXPECT_FALSE(has(one.edx, bit)) << bit;
    for (u32 bit : {2u, 3u /*MONITOR*/, 5u /*VMX*/, 7u, 8u, 15u, 17u /*PCID*/, 18u, 21u /*x2APIC*/, 24u /*deadline*/})
        EXPECT_FALSE(has(one.ecx, bit)) << bit;
    CpuidLeaf seven = guest_cpuid(everything, {}, 7, 0);
    for (u32 bit : {7u /*SMEP*/, 10u /*INVPCID*/, 16u /*AVX512F*/, 20u /*SMAP*/, 25u /*PT*/})
        EXPECT_FALSE(has(seven.ebx, bit)) << bit;
    for (u32 bit : {2u /*UMIP*/, 3u /*PKU*/, 4u /*OSPKE*/, 7u /*CET*/, 16u /*LA57*/})
        EXPECT_FALSE(has(seven.ecx, bit)) << bit;
    CpuidLeaf extended = guest_cpuid(everything, {}, 0x8000'0001, 0);
    EXPECT_FALSE(has(extended.ecx, 2));   // SVM
    EXPECT_FALSE(has(extended.ecx, 22));  // topology extensions
    for (u32 bit : {3u, 12u, 13u, 17u, 26u /*1 GiB pages*/}) EXPECT_FALSE(has(extended.edx, bit)) << bit;
}

TEST(Cpuid, ShowsWhatLinuxNeeds) {
    CpuidLeaf one = guest_cpuid(everything, {.vcpu = VcpuId{3}}, 1, 0);
    EXPECT_TRUE(has(one.ecx, 31));  // hypervisor
    EXPECT_TRUE(has(one.ecx, 26));  // XSAVE and OSXSAVE together, or Linux gives it up
    EXPECT_TRUE(has(one.ecx, 27));
    EXPECT_EQ(one.ebx >> 24, 6u);
    for (u32 bit : {0u, 4u, 5u, 6u, 8u, 9u, 15u, 24u, 25u, 26u}) EXPECT_TRUE(has(one.edx, bit)) << bit;
    CpuidLeaf extended = guest_cpuid(everything, {}, 0x8000'0001, 0);
    for (u32 bit : {11u /*SYSCALL*/, 20u /*NX*/, 29u /*LM*/}) EXPECT_TRUE(has(extended.edx, bit)) << bit;
}

// Each vCPU that a domain may have has an APIC of its own, and none that means all of them.
TEST(Cpuid, NumbersOfApicsFitIntoLeaf1) {
    for (u32 vcpu = 0; vcpu < max_vcpus_per_domain; ++vcpu) {
        u32 const told = guest_cpuid(everything, {.vcpu = VcpuId{vcpu}}, 1, 0).ebx >> 24;
        EXPECT_EQ(told, vcpu * 2);
        EXPECT_NE(told, 0xffu);
    }
}

TEST(Cpuid, WithoutXsaveNothingOfItShows) {
    EXPECT_EQ(guest_cpuid(nothing, {}, 1, 0).ecx, u32{1} << 31);
    EXPECT_EQ(guest_cpuid(nothing, {}, 0xd, 0), CpuidLeaf{});
    EXPECT_FALSE(is_valid_xcr0(nothing, 1));
    EXPECT_EQ(choosable_cr4(nothing, ~u64{0}), (u64{1} << 2 | u64{1} << 3));
}

TEST(Cpuid, ExtendedStateFollowsTheVirtualXcr0) {
    CpuidLeaf small = guest_cpuid(everything, {.xcr0 = 3}, 0xd, 0);
    EXPECT_EQ(small, (CpuidLeaf{.eax = 7, .ebx = 576, .ecx = 832, .edx = 0}));
    EXPECT_EQ(guest_cpuid(everything, {.xcr0 = 7}, 0xd, 0).ebx, 832u);
    CpuidLeaf kinds = guest_cpuid(everything, {.xcr0 = 7}, 0xd, 1);
    EXPECT_EQ(kinds.eax, 7u);  // no XSAVES
    EXPECT_EQ(kinds.ebx, 832u);
    EXPECT_EQ(guest_cpuid(everything, {}, 0xd, 2).eax, 256u);
    EXPECT_EQ(guest_cpuid(everything, {}, 0xd, 5), CpuidLeaf{});
    EXPECT_EQ(guest_cpuid(everything, {}, 0xd, 70), CpuidLeaf{});
    EXPECT_TRUE(is_valid_xcr0(everything, 7));
    EXPECT_TRUE(is_valid_xcr0(everything, 1));
    EXPECT_FALSE(is_valid_xcr0(everything, 5));
    EXPECT_FALSE(is_valid_xcr0(everything, 2));
    EXPECT_FALSE(is_valid_xcr0(everything, 0xe7));
}

TEST(Cpuid, HypervisorLeaves) {
    CpuidLeaf signature = guest_cpuid(everything, {}, 0x4000'0000, 0);
    EXPECT_EQ(signature, (CpuidLeaf{.eax = 0x4000'0005, .ebx = 0x566e'6558, .ecx = 0x6558'4d4d, .edx = 0x4d4d'566e}));
    EXPECT_EQ(guest_cpuid(everything, {}, 0x4000'0001, 0).eax, 4u << 16 | 17);
    EXPECT_EQ(guest_cpuid(everything, {}, 0x4000'0002, 0).ecx, 1u);
    EXPECT_EQ(guest_cpuid(everything, {.tsc_khz = 1000}, 0x4000'0003, 0).ecx, 1000u);
    EXPECT_EQ(guest_cpuid(everything, {.address_bits = 52}, 0x4000'0005, 0).ebx, 44u);  // keeps grant tables at v1
    EXPECT_EQ(guest_cpuid(everything, {.address_bits = 40}, 0x4000'0005, 0).ebx, 40u);
    EXPECT_EQ(guest_cpuid(everything, {}, 0x4000'0100, 0), CpuidLeaf{});
}

TEST(Cpuid, LeavesWithoutAPolicyAreEmpty) {
    for (u32 leaf :
         {3u, 5u, 6u, 0xau, 0xbu, 0xeu, 0x14u, 0x1fu, 0x8000'000au, 0x8000'001fu, 0x8000'0021u, 0xc000'0000u})
        EXPECT_EQ(guest_cpuid(everything, {}, leaf, 0), CpuidLeaf{}) << std::hex << leaf;
    EXPECT_EQ(guest_cpuid(everything, {}, 0, 0).eax, 0xdu);
    EXPECT_EQ(guest_cpuid(everything, {}, 0x8000'0000, 0).eax, 0x8000'0008u);
    EXPECT_EQ(guest_cpuid(everything, {.address_bits = 46}, 0x8000'0008, 0).eax, 46u | 48 << 8);
}

TEST(Cpuid, OnlyDom0MayRelyOnTheTscOfThisMachine) {
    auto invariant = [](bool privileged, bool stable) {
        return guest_cpuid(everything, {.privileged = privileged, .tsc_is_stable = stable}, 0x8000'0007, 0).edx;
    };
    EXPECT_EQ(invariant(true, true), 1u << 8);
    EXPECT_EQ(invariant(true, false), 0u);
    EXPECT_EQ(invariant(false, true), 0u);
}

TEST(Cpuid, NeverOffersMoreThanThisMachineHas) {
    for (u32 leaf : {1u, 7u, 0x8000'0001u}) {
        CpuidLeaf host = this_machine(leaf, 0);
        CpuidLeaf guest = guest_cpuid(this_machine, {}, leaf, 0);
        constexpr u32 hypervisor = u32{1} << 31;
        u32 granted = leaf == 1 ? hypervisor : 0;
        EXPECT_EQ(guest.ecx & ~granted & ~host.ecx, 0u);
        EXPECT_EQ(guest.edx & ~host.edx, 0u);
        if (leaf == 7) { EXPECT_EQ(guest.ebx & ~host.ebx, 0u); }
    }
}

TEST(Cpuid, ControlRegister4) {
    EXPECT_EQ(choosable_cr4(everything, ~u64{0}), cr4_choosable);
    EXPECT_EQ(visible_cr4(0), cr4_always);
    EXPECT_EQ(visible_cr4(~u64{0}), cr4_always | cr4_choosable);
}
}  // namespace
