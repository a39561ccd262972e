// SPDX-License-Identifier: MIT
// Processors by the words that they tell of themselves, as far as speculation goes.
#include "x86/cpu/features.hpp"

#include <gtest/gtest.h>

namespace hv::speculation {
namespace {
using Vendor = Processor::Vendor;
constexpr u64 ibrs = 1, rrsba_off = 1 << 6, bhi_off = 1 << 10;
constexpr u32 intel_ibpb = 1u << 26, md_clear = 1u << 10, rtm = 1u << 11, amd_ibpb = 1u << 12;

Processor intel(u64 capabilities) {
    return {.vendor = Vendor::intel, .family = 6, .capabilities = capabilities, .leaf7_edx = intel_ibpb | md_clear};
}
Processor amd(u32 family) { return {.vendor = Vendor::amd, .family = family, .extended8_ebx = amd_ibpb}; }

// RDCL_NO, IBRS_ALL, SKIP_L1DFL_VMENTRY, MDS_NO: Cascade Lake, with TSX and without TAA_NO.
Processor cascade_lake() {
    Processor p = intel(0x2b);
    p.leaf7_ebx = rtm;
    return p;
}
// RDCL_NO, IBRS_ALL, MDS_NO, TAA_NO, FB_CLEAR: Ice Lake with new microcode.
Processor ice_lake() { return intel(0x20000 | 0x100 | 0x2b); }
// With the MMIO and RFDS bits all "no", RRSBA, and both new controls: Sapphire Rapids.
Processor sapphire_rapids() {
    Processor p = intel(1u << 27 | 1u << 19 | 7u << 13 | 0x100 | 0x2b);
    p.leaf7_2_edx = 1u << 2 | 1u << 4;
    return p;
}

TEST(Speculation, NothingKnownMeansRetpolines) {
    Choice const choice = choose({}, {});
    EXPECT_TRUE(choice.retpolines);
    EXPECT_FALSE(choice.ibpb || choice.clears_buffers || choice.ibpb_on_entry || choice.automatic_ibrs);
    EXPECT_FALSE(choice.exposes_buffers || choice.exposes_history || choice.exposes_returns);
    EXPECT_EQ(choice.spec_ctrl, 0u);
}

TEST(Speculation, WhereHistoryStillChoosesRetpolinesStayBesideIbrs) {
    for (Processor const& p : {cascade_lake(), ice_lake()}) {
        EXPECT_TRUE(choose(p, {}).retpolines);
        EXPECT_EQ(choose(p, {}).spec_ctrl, ibrs);
        EXPECT_FALSE(choose(p, {}).exposes_history);
        EXPECT_TRUE(choose(p, {.retpolines = false}).exposes_history);
    }
}

// Where the RET of a retpoline may be a jump by history, the log says so.
TEST(Speculation, ARetpolineHelpsOnlyWhereItsReturnReturns) {
    Processor p = ice_lake();
    p.capabilities |= 1u << 19;  // RRSBA
    EXPECT_TRUE(choose(p, {}).retpolines && choose(p, {}).exposes_history);
    EXPECT_EQ(choose(p, {}).spec_ctrl, ibrs);
    p.leaf7_2_edx = 1u << 2;  // RRSBA_DIS_S
    EXPECT_TRUE(choose(p, {}).retpolines);
    EXPECT_FALSE(choose(p, {}).exposes_history);
    EXPECT_EQ(choose(p, {}).spec_ctrl, ibrs | rrsba_off);
    p.leaf7_2_edx = 0;
    p.capabilities |= 1u << 20;  // BHI_NO
    EXPECT_FALSE(choose(p, {}).retpolines || choose(p, {}).exposes_history);
}

TEST(Speculation, HistoryIsCutOffWhereTheProcessorCan) {
    Choice const choice = choose(sapphire_rapids(), {});
    EXPECT_FALSE(choice.retpolines || choice.exposes_history);
    EXPECT_EQ(choice.spec_ctrl, ibrs | bhi_off | rrsba_off);
    Processor immune = ice_lake();
    immune.capabilities |= 1u << 20;  // BHI_NO
    EXPECT_FALSE(choose(immune, {}).retpolines || choose(immune, {}).exposes_history);
    EXPECT_EQ(choose(immune, {}).spec_ctrl, ibrs);
}

TEST(Speculation, BuffersAreClearedWhereAnyOfTheWeaknessesIs) {
    EXPECT_TRUE(choose(cascade_lake(), {}).clears_buffers);  // TAA
    EXPECT_TRUE(choose(ice_lake(), {}).clears_buffers);      // MMIO stale data
    EXPECT_FALSE(choose(sapphire_rapids(), {}).clears_buffers);
    Processor no_tsx = cascade_lake();
    no_tsx.leaf7_ebx = 0;
    EXPECT_FALSE(choose(no_tsx, {}).clears_buffers);
    Processor sampled = sapphire_rapids();
    sampled.capabilities &= ~u64{1u << 5};  // MDS_NO
    EXPECT_TRUE(choose(sampled, {}).clears_buffers);
    Processor atom = sapphire_rapids();  // RFDS_NO goes, RFDS_CLEAR comes
    atom.capabilities ^= u64{3} << 27;
    EXPECT_TRUE(choose(atom, {}).clears_buffers);
    EXPECT_FALSE(choose(atom, {.clears_buffers = false}).clears_buffers);
    EXPECT_TRUE(choose(atom, {.clears_buffers = false}).exposes_buffers);
}

// Of each weakness: its bit, and all of its bits, say that there is none.
TEST(Speculation, BuffersAreLeftAloneOnlyByTheRightBits) {
    Processor with_tsx = sapphire_rapids();
    with_tsx.leaf7_ebx = rtm;
    EXPECT_FALSE(choose(with_tsx, {}).clears_buffers);
    with_tsx.capabilities &= ~u64{1u << 8};  // TAA_NO
    EXPECT_TRUE(choose(with_tsx, {}).clears_buffers);
    for (u32 bit : {13u, 14u, 15u}) {
        Processor stale = sapphire_rapids();
        stale.capabilities |= 1u << 17;  // FB_CLEAR
        EXPECT_FALSE(choose(stale, {}).clears_buffers);
        stale.capabilities &= ~(u64{1} << bit);
        EXPECT_TRUE(choose(stale, {}).clears_buffers) << bit;
    }
    Processor immune = sapphire_rapids();
    immune.capabilities |= 1u << 28;  // RFDS_CLEAR beside RFDS_NO
    EXPECT_FALSE(choose(immune, {}).clears_buffers);
}

// What a word means depends on whose it is.
TEST(Speculation, OneVendorsBitsAreNothingInAnothersProcessor) {
    EXPECT_TRUE(choose(cascade_lake(), {}).ibpb);
    Processor other = amd(0x17);
    other.vendor = Vendor::other;
    EXPECT_FALSE(choose(other, {}).ibpb_on_entry || choose(other, {}).exposes_returns);
    Processor zen = amd(0x17);
    zen.capabilities = 1u << 1;
    EXPECT_TRUE(choose(zen, {}).retpolines);
    EXPECT_EQ(choose(zen, {}).spec_ctrl, 0u);
    other.extended21_eax = 1u << 8;
    EXPECT_TRUE(choose(other, {}).retpolines);
    EXPECT_FALSE(choose(other, {}).automatic_ibrs);
    Processor zen4 = amd(0x19);
    zen4.extended21_eax = 1u << 28;  // IBPB would clear returns, and there is none
    zen4.extended8_ebx = 0;
    EXPECT_FALSE(choose(zen4, {}).ibpb_on_entry);
    EXPECT_TRUE(choose(zen4, {}).exposes_returns);
}

TEST(Speculation, BuffersThatNothingClearsAreSaidToBeExposed) {
    Processor old = cascade_lake();
    old.leaf7_edx &= ~md_clear;
    EXPECT_FALSE(choose(old, {}).clears_buffers);
    EXPECT_TRUE(choose(old, {}).exposes_buffers);
    EXPECT_TRUE(choose(old, {.clears_buffers = true}).exposes_buffers);  // there is nothing to clear with
}

TEST(Speculation, ReturnsAreGuardedUpToZen4) {
    for (u32 family : {0x15u, 0x17u, 0x18u}) {
        EXPECT_TRUE(choose(amd(family), {}).ibpb_on_entry);
        EXPECT_TRUE(choose(amd(family), {}).retpolines);
        Processor without = amd(family);
        without.extended8_ebx = 0;
        EXPECT_FALSE(choose(without, {}).ibpb_on_entry);
        EXPECT_TRUE(choose(without, {}).exposes_returns);
    }
    EXPECT_FALSE(choose(amd(0xf), {}).ibpb_on_entry || choose(amd(0xf), {}).exposes_returns);
    Processor zen4 = amd(0x19);
    EXPECT_FALSE(choose(zen4, {}).ibpb_on_entry);  // its IBPB lets returns be
    EXPECT_TRUE(choose(zen4, {}).exposes_returns);
    zen4.extended21_eax = 1u << 28 | 1u << 8;
    EXPECT_TRUE(choose(zen4, {}).ibpb_on_entry && choose(zen4, {}).automatic_ibrs);
    EXPECT_FALSE(choose(zen4, {}).retpolines || choose(zen4, {}).exposes_returns);
    EXPECT_TRUE(choose(zen4, {.ibpb_on_entry = false}).exposes_returns);
    for (u32 bit : {29u, 30u}) {
        Processor immune = zen4;
        immune.extended21_eax |= 1u << bit;
        EXPECT_FALSE(choose(immune, {}).ibpb_on_entry || choose(immune, {}).exposes_returns);
    }
}

TEST(Speculation, AmdsSchedulersAreClearedUnlessNeitherLeaks) {
    Processor zen4 = amd(0x19);
    EXPECT_FALSE(choose(zen4, {}).clears_buffers);
    zen4.extended21_eax = 1u << 5;
    EXPECT_TRUE(choose(zen4, {}).clears_buffers);
    zen4.extended21_ecx = 1u << 1;
    EXPECT_TRUE(choose(zen4, {}).clears_buffers);
    zen4.extended21_ecx = 3u << 1;
    EXPECT_FALSE(choose(zen4, {}).clears_buffers);
}

TEST(Speculation, TheCommandLineCannotAskForWhatIsNotThere) {
    Request const all{.retpolines = true, .ibpb = true, .clears_buffers = true, .ibpb_on_entry = true};
    Choice const choice = choose({}, all);
    EXPECT_TRUE(choice.retpolines);
    EXPECT_FALSE(choice.ibpb || choice.clears_buffers || choice.ibpb_on_entry);
    EXPECT_FALSE(choose(amd(0x17), {.ibpb = false}).ibpb);
}
}  // namespace
}  // namespace hv::speculation
