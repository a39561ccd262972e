// SPDX-License-Identifier: MIT
// What the policy makes of four real processors: rules that hold for all, and a golden file for each and for dom0 and
// other domains. PARAVANE_WRITE_GOLDEN=1 writes those anew, to be read before they are committed.
#include "core/pv/constant_msr.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <utility>

namespace {
using namespace hv;
using namespace hv::pv;

using Dump = std::map<std::pair<u32, u32>, CpuidLeaf>;
Dump processor;  // the one that `host` answers for

bool is_intel() { return processor.at({0, 0}).ebx == 0x756e'6547; }

// As processors do it: Intel's answer leaves beyond the last basic one with that one, AMD's with zeroes.
CpuidLeaf host(u32 leaf, u32 subleaf) {
    u32 const last = processor.at({0, 0}).eax;
    if (leaf > last && (leaf < 0x8000'0000 || leaf > processor.at({0x8000'0000, 0}).eax)) {
        if (!is_intel()) return {};
        leaf = last;
    }
    bool const has_subleaves = leaf == 4 || leaf == 7 || leaf == 0xb || leaf == 0xd || leaf == 0x8000'001d ||
                               (leaf >= 0xf && leaf <= 0x1f) || leaf == 0x8000'0026;
    auto found = processor.find({leaf, has_subleaves ? subleaf : 0});
    return found == processor.end() ? CpuidLeaf{} : found->second;
}

struct Model {
    char const* name;
    bool is_intel;
};

class Processors : public testing::TestWithParam<Model> {
protected:
    static std::string file(std::string const& suffix) {
        return std::string{PROCESSORS_FOLDER} + "/" + GetParam().name + suffix;
    }
    void SetUp() override {
        processor.clear();
        std::ifstream in(file(".cpuid"));
        for (std::string line; std::getline(in, line);) {
            if (line.starts_with('#')) continue;
            u32 leaf = 0, subleaf = 0;
            CpuidLeaf value;
            ASSERT_EQ(std::sscanf(line.c_str(), "%" SCNx32 "%" SCNx32 "%" SCNx32 "%" SCNx32 "%" SCNx32 "%" SCNx32,
                                  &leaf, &subleaf, &value.eax, &value.ebx, &value.ecx, &value.edx),
                      6)
                << line;
            processor[{leaf, subleaf}] = value;
        }
        ASSERT_GT(processor.size(), 30u);
        ASSERT_EQ(is_intel(), GetParam().is_intel);
    }

public:
    static CpuidGuest guest(bool privileged) {
        return {.privileged = privileged,
                .vcpu = VcpuId{1},
                .xcr0 = guest_xcr0_mask,
                .address_bits = host(0x8000'0008, 0).eax & 0xff,
                .tsc_khz = 2'400'000,
                .tsc_is_stable = true};
    }

protected:
    static CpuidLeaf seen(u32 leaf, u32 subleaf = 0, bool privileged = false) {
        return guest_cpuid(host, guest(privileged), leaf, subleaf);
    }
};

// A word of feature bits.
struct Word {
    u32 leaf, subleaf;
    u32 CpuidLeaf::*part;
};
constexpr Word f1c{1, 0, &CpuidLeaf::ecx}, f1d{1, 0, &CpuidLeaf::edx}, f7b{7, 0, &CpuidLeaf::ebx},
    f7c{7, 0, &CpuidLeaf::ecx}, f7d{7, 0, &CpuidLeaf::edx}, fd1{0xd, 1, &CpuidLeaf::eax},
    e1c{0x8000'0001, 0, &CpuidLeaf::ecx}, e1d{0x8000'0001, 0, &CpuidLeaf::edx}, e7d{0x8000'0007, 0, &CpuidLeaf::edx},
    e8b{0x8000'0008, 0, &CpuidLeaf::ebx};
constexpr Word words[] = {f1c, f1d, f7b, f7c, f7d, fd1, e1c, e1d, e7d, e8b};

struct Feature {
    char const* name;
    Word word;
    u32 bit;
};
constexpr Feature xsave{"XSAVE", f1c, 26}, avx{"AVX", f1c, 28}, avx2{"AVX2", f7b, 5}, sse2{"SSE2", f1d, 26},
    ssse3{"SSSE3", f1c, 9}, pclmul{"PCLMUL", f1c, 1}, aes{"AES", f1c, 25}, xsavec{"XSAVEC", fd1, 1},
    fma{"FMA", f1c, 12}, f16c{"F16C", f1c, 29}, vaes{"VAES", f7c, 9}, vpclmul{"VPCLMULQDQ", f7c, 10},
    gfni{"GFNI", f7c, 8}, xsaveopt{"XSAVEOPT", fd1, 0}, xgetbv1{"XGETBV1", fd1, 2}, erms{"ERMS", f7b, 9},
    fsrm{"FSRM", f7d, 4}, nx{"NX", e1d, 20}, lm{"LM", e1d, 29}, syscall{"SYSCALL", e1d, 11}, fxsr{"FXSR", f1d, 24},
    pae{"PAE", f1d, 6}, cx16{"CX16", f1c, 13}, tsc{"TSC", f1d, 4}, popcnt{"POPCNT", f1c, 23};

// Whoever has the first must have the second (Intel SDM volume 1, chapters 13 and 14; Linux's cpuid-deps.c checks it).
constexpr std::pair<Feature, Feature> needs[] = {
    {avx, xsave},   {avx2, avx},       {fma, avx},        {f16c, avx},     {vaes, avx},      {vaes, aes},
    {vpclmul, avx}, {vpclmul, pclmul}, {xsaveopt, xsave}, {xsavec, xsave}, {xgetbv1, xsave}, {gfni, sse2},
    {aes, sse2},    {pclmul, sse2},    {ssse3, sse2},     {fsrm, erms},    {xsave, fxsr}};

// What ring 3 cannot have, or what needs state or registers that are not virtualised.
constexpr Feature never[] = {
    {"PSE", f1d, 3},        {"MTRR", f1d, 12},     {"PGE", f1d, 13},       {"PSE36", f1d, 17},
    {"DS", f1d, 21},        {"HTT", f1d, 28},      {"DTES64", f1c, 2},     {"MONITOR", f1c, 3},
    {"VMX", f1c, 5},        {"SMX", f1c, 6},       {"EIST", f1c, 7},       {"PDCM", f1c, 15},
    {"PCID", f1c, 17},      {"X2APIC", f1c, 21},   {"DEADLINE", f1c, 24},  {"TSC_ADJUST", f7b, 1},
    {"SGX", f7b, 2},        {"HLE", f7b, 4},       {"SMEP", f7b, 7},       {"INVPCID", f7b, 10},
    {"RTM", f7b, 11},       {"MPX", f7b, 14},      {"AVX512F", f7b, 16},   {"SMAP", f7b, 20},
    {"PT", f7b, 25},        {"UMIP", f7c, 2},      {"PKU", f7c, 3},        {"OSPKE", f7c, 4},
    {"WAITPKG", f7c, 5},    {"SHSTK", f7c, 7},     {"TME", f7c, 13},       {"LA57", f7c, 16},
    {"RDPID", f7c, 22},     {"BUS_LOCK", f7c, 24}, {"ENQCMD", f7c, 29},    {"SGX_LC", f7c, 30},
    {"PKS", f7c, 31},       {"UINTR", f7d, 5},     {"HYBRID", f7d, 15},    {"PCONFIG", f7d, 18},
    {"ARCH_LBR", f7d, 19},  {"IBT", f7d, 20},      {"AMX_BF16", f7d, 22},  {"AMX_TILE", f7d, 24},
    {"IBRS", f7d, 26},      {"STIBP", f7d, 27},    {"L1D_FLUSH", f7d, 28}, {"ARCH_CAPS", f7d, 29},
    {"CORE_CAPS", f7d, 30}, {"SSBD", f7d, 31},     {"XSAVES", fd1, 3},     {"XFD", fd1, 4},
    {"SVM", e1c, 2},        {"OSVW", e1c, 9},      {"IBS", e1c, 10},       {"SKINIT", e1c, 12},
    {"NODEID", e1c, 19},    {"TOPOEXT", e1c, 22},  {"PERFCTR", e1c, 23},   {"MWAITX", e1c, 29},
    {"FFXSR", e1d, 25},     {"PAGE1GB", e1d, 26},  {"INVLPGB", e8b, 3},    {"RDPRU", e8b, 4},
    {"MBA", e8b, 6},        {"IBPB", e8b, 12},     {"AMD_IBRS", e8b, 14},  {"AMD_STIBP", e8b, 15},
    {"PPIN", e8b, 23},      {"AMD_SSBD", e8b, 24}, {"VIRT_SSBD", e8b, 25}};

TEST_P(Processors, ShowNothingThatTheyDoNotHave) {
    constexpr u32 hypervisor = u32{1} << 31;
    for (Word const& word : words) {
        u32 granted = word.leaf == 1 && word.part == &CpuidLeaf::ecx ? hypervisor : 0;
        EXPECT_EQ(seen(word.leaf, word.subleaf).*word.part & ~granted & ~(host(word.leaf, word.subleaf).*word.part), 0u)
            << std::hex << word.leaf;
    }
}

TEST_P(Processors, ShowWhatAKernelCannotDoWithout) {
    for (Feature const& feature : {xsave, avx, avx2, sse2, nx, lm, syscall, fxsr, pae, cx16, tsc, popcnt})
        EXPECT_TRUE(seen(feature.word.leaf, feature.word.subleaf).*feature.word.part >> feature.bit & 1)
            << feature.name;
}

TEST_P(Processors, ShowNothingThatAGuestCannotUse) {
    for (Feature const& feature : never)
        EXPECT_FALSE(seen(feature.word.leaf, feature.word.subleaf, true).*feature.word.part >> feature.bit & 1)
            << feature.name;
}

TEST_P(Processors, ShowNoFeatureWithoutWhatItNeeds) {
    auto has = [](Feature const& feature) {
        return seen(feature.word.leaf, feature.word.subleaf).*feature.word.part >> feature.bit & 1;
    };
    for (auto const& [feature, needed] : needs)
        if (has(feature)) { EXPECT_TRUE(has(needed)) << feature.name << " needs " << needed.name; }
    // Switched off by firmware, as some can, or by a hypervisor below.
    processor[{1, 0}].ecx &= ~(u32{1} << xsave.bit);
    processor[{7, 0}].ebx &= ~(u32{1} << erms.bit);
    for (auto const& [feature, needed] : needs)
        if (has(feature)) { EXPECT_TRUE(has(needed)) << feature.name << " needs " << needed.name << ", without XSAVE"; }
}

TEST_P(Processors, SaveAreasAreAsLargeAsWhatAGuestMayEnable) {
    EXPECT_EQ(seen(0xd, 0), (CpuidLeaf{.eax = 7, .ebx = 832, .ecx = 832, .edx = 0}));
    CpuidLeaf kinds = seen(0xd, 1);
    EXPECT_EQ(kinds, (CpuidLeaf{.eax = 7, .ebx = 832, .ecx = 0, .edx = 0}));
    EXPECT_EQ(seen(0xd, 2), (CpuidLeaf{.eax = 256, .ebx = 576, .ecx = 0, .edx = 0}));
    for (u32 component = 3; component < 70; ++component) EXPECT_EQ(seen(0xd, component), CpuidLeaf{}) << component;
}

TEST_P(Processors, NoLeafLeadsToOneThatIsHidden) {
    EXPECT_EQ(seen(0).eax, 0xdu);
    EXPECT_EQ(seen(0x8000'0000).eax, 0x8000'0008u);
    for (u32 leaf :
         {3u,           5u,           6u,           8u,           9u,          0xau,  0xbu,         0xcu,
          0xeu,         0xfu,         0x10u,        0x12u,        0x14u,       0x15u, 0x16u,        0x18u,
          0x19u,        0x1cu,        0x1du,        0x1eu,        0x1fu,       0x20u, 0x8000'000au, 0x8000'001du,
          0x8000'001eu, 0x8000'001fu, 0x8000'0021u, 0x8000'0022u, 0x8000'0026u})
        EXPECT_EQ(seen(leaf), CpuidLeaf{}) << std::hex << leaf;
    for (u32 subleaf = 1; subleaf < 4; ++subleaf) EXPECT_EQ(seen(7, subleaf), CpuidLeaf{});
    EXPECT_EQ(seen(7).eax, 0u);
    constexpr u32 see_cache_leaf = 9;
    CpuidLeaf caches = seen(0x8000'0006);
    EXPECT_NE(caches.ecx >> 12 & 0xf, see_cache_leaf);
    EXPECT_NE(caches.edx >> 12 & 0xf, see_cache_leaf);
}

TEST_P(Processors, EachVcpuIsACoreOfItsOwn) {
    EXPECT_EQ(seen(1).ebx >> 16, u32{2} << 8);  // one logical processor, and the APIC's number of vCPU 1
    for (u32 subleaf = 0; subleaf < 5; ++subleaf) EXPECT_EQ(seen(4, subleaf).eax >> 14, 0u);
    EXPECT_EQ(seen(0x8000'0008).ecx, 0u);
}

TEST_P(Processors, MsrsAgreeWithWhatCpuidSays) {
    auto constant = [](u32 index, bool privileged = true) { return constant_msr(host, guest(privileged), index); };
    using Value = std::optional<u64>;
    EXPECT_EQ(constant(0x179), Value{2});
    for (u32 index : {0x17au, 0x400u, 0x407u}) EXPECT_EQ(constant(index), Value{0});
    // Nothing for those that CPUID does not announce: a kernel that tries them must see that they are not there.
    for (u32 index : {0x3bu, 0x48u, 0x49u, 0xceu, 0xe7u, 0xe8u, 0xfeu, 0x10au, 0x122u, 0x186u, 0x1a1u, 0x2ffu, 0x345u,
                      0x408u, 0x6e0u, 0xda0u, 0xc001'0007u, 0xc001'0114u, 0xc001'1020u})
        EXPECT_EQ(constant(index), std::nullopt) << std::hex << index;
    if (is_intel()) {
        EXPECT_EQ(constant(0x1a0), Value{0x1801});  // fast strings, as ERMS and FSRM promise
        EXPECT_EQ(constant(0x3a), Value{1});
        EXPECT_EQ(constant(0x17), Value{0});
        EXPECT_EQ(constant(0x140), Value{0});
        EXPECT_EQ(constant(0xc001'0015), std::nullopt);
    } else {
        EXPECT_EQ(constant(0xc001'0015, true), Value{1u << 24});  // the invariant TSC runs at the nominal frequency
        EXPECT_EQ(constant(0xc001'0015, false), Value{0});
        EXPECT_EQ(constant(0xc001'0055), Value{0});
        EXPECT_EQ(constant(0x1a0), std::nullopt);
        EXPECT_EQ(constant(0x3a), std::nullopt);
    }
}

std::string everything_seen(bool privileged) {
    std::string all;
    auto add = [&](u32 leaf, u32 subleaf) {
        CpuidLeaf value = guest_cpuid(host, Processors::guest(privileged), leaf, subleaf);
        if (value == CpuidLeaf{}) return;
        std::array<char, 64> line;
        std::snprintf(line.data(), line.size(), "%08x %x %08x %08x %08x %08x\n", leaf, subleaf, value.eax, value.ebx,
                      value.ecx, value.edx);
        all += line.data();
    };
    for (u32 first : {0u, 0x4000'0000u, 0x8000'0000u})
        for (u32 leaf = first; leaf < first + 0x30; ++leaf) {
            bool has_subleaves = leaf == 4 || leaf == 7 || leaf == 0xb || leaf == 0xd || leaf == 0x4000'0003;
            for (u32 subleaf = 0; subleaf < (has_subleaves ? 64u : 1u); ++subleaf) add(leaf, subleaf);
        }
    return all;
}

TEST_P(Processors, AsDom0AndOthersSeeThem) {
    for (bool privileged : {true, false}) {
        std::string const golden = file(privileged ? ".dom0" : ".domu");
        if (std::getenv("PARAVANE_WRITE_GOLDEN")) std::ofstream(golden) << everything_seen(privileged);
        std::ostringstream expected;
        expected << std::ifstream(golden).rdbuf();
        EXPECT_EQ(everything_seen(privileged), expected.str()) << golden;
    }
}

INSTANTIATE_TEST_SUITE_P(Real, Processors,
                         testing::Values(Model{"ice_lake", true}, Model{"sapphire_rapids", true}, Model{"zen2", false},
                                         Model{"zen4", false}),
                         [](auto const& info) { return std::string{info.param.name}; });
}  // namespace
