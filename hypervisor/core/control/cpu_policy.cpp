// SPDX-License-Identifier: MIT
#include "core/control/cpu_policy.hpp"
#include <algorithm>
#include <array>
#include "core/guest_access.hpp"
#include "core/pv/cpuid.hpp"

namespace hv::control {
namespace {
using abi::cpuid_no_subleaf;

constexpr u32 cache_leaf = 4, features_leaf = 7, topology_leaf = 0xb, state_leaf = 0xd;
constexpr u32 cache_subleaves = 6, topology_subleaves = 2, state_subleaves = 3;
constexpr u32 extended_start = 0x8000'0000;

pv::CpuidLeaf leaf_of_policy(u32 leaf, u32 subleaf) {
    pv::CpuidGuest const guest{.xcr0 = pv::guest_xcr0_mask,
                               .address_bits = static_cast<u32>(hal::max_address_bits()),
                               .tsc_khz = static_cast<u32>(hal::tsc_khz())};
    return pv::guest_cpuid(hal::cpuid, guest, leaf, subleaf);
}

// None: the leaf is the same whatever the subleaf.
u32 subleaves_of(u32 leaf) {
    switch (leaf) {
        case cache_leaf: return cache_subleaves;
        case features_leaf: return 1;
        case topology_leaf: return topology_subleaves;
        case state_leaf: return state_subleaves;
        default: return 0;
    }
}

// Every leaf that a tool knows how to read, in rising order. Stops with the first error.
template <class F>
Result<> for_each_leaf(F&& visit) {
    auto emit = [&](u32 leaf) -> Result<> {
        u32 const count = subleaves_of(leaf);
        for (u32 subleaf = 0; subleaf < std::max(count, 1u); ++subleaf) {
            pv::CpuidLeaf const value = leaf_of_policy(leaf, subleaf);
            u32 const shown = count ? subleaf : cpuid_no_subleaf;
            TRY(visit(abi::CpuidLeaf{leaf, shown, value.eax, value.ebx, value.ecx, value.edx}));
        }
        return {};
    };
    u32 const last_basic = leaf_of_policy(0, 0).eax;
    for (u32 leaf = 0; leaf <= last_basic; ++leaf) TRY(emit(leaf));
    u32 const last_extended = leaf_of_policy(extended_start, 0).eax;
    for (u32 leaf = extended_start; leaf <= last_extended; ++leaf) TRY(emit(leaf));
    return {};
}

// Where each word of feature bits comes from (cpufeatureset.h of Xen 4.17).
struct FeatureWord {
    u32 leaf, subleaf;
    u32 pv::CpuidLeaf::*part;
};
constexpr u32 e1 = 0x8000'0001, e7 = 0x8000'0007, e8 = 0x8000'0008, e21 = 0x8000'0021;
using Leaf = pv::CpuidLeaf;
constexpr std::array<FeatureWord, feature_words> words{{
    {1, 0, &Leaf::edx},
    {1, 0, &Leaf::ecx},
    {e1, 0, &Leaf::edx},
    {e1, 0, &Leaf::ecx},
    {0xd, 1, &Leaf::eax},
    {7, 0, &Leaf::ebx},
    {7, 0, &Leaf::ecx},
    {e7, 0, &Leaf::edx},
    {e8, 0, &Leaf::ebx},
    {7, 0, &Leaf::edx},
    {7, 1, &Leaf::eax},
    {e21, 0, &Leaf::eax},
    {7, 1, &Leaf::ebx},
    {7, 2, &Leaf::edx},
    {7, 1, &Leaf::ecx},
    {7, 1, &Leaf::edx},
}};

// Platform information and architectural capabilities. No guest is offered a bit of either.
constexpr std::array<u32, policy_msrs> msrs{0xce, 0x10a};

bool announces_more(abi::CpuidLeaf const& asked) {
    pv::CpuidLeaf const value{asked.a, asked.b, asked.c, asked.d};
    u32 const subleaf = asked.subleaf == cpuid_no_subleaf ? 0 : asked.subleaf;
    for (FeatureWord const& word : words) {
        if (word.leaf != asked.leaf || word.subleaf != subleaf) continue;
        if (value.*word.part & ~(leaf_of_policy(word.leaf, word.subleaf).*word.part)) return true;
    }
    return false;
}
}  // namespace

Result<u32> read_leaves(guest_ptr<abi::CpuidLeaf> to, u32 room) {
    u32 count = 0;
    TRY(for_each_leaf([&](abi::CpuidLeaf const& leaf) -> Result<> {
        u32 const index = count++;
        return index < room ? copy_out(to + index, leaf) : Errno::nobufs;
    }));
    return count;
}

Result<u32> read_msrs(guest_ptr<abi::MsrEntry> to, u32 room) {
    if (room < policy_msrs) return Errno::nobufs;
    for (u32 i = 0; i < policy_msrs; ++i) TRY(copy_out(to + i, abi::MsrEntry{.idx = msrs[i], .flags = 0, .val = 0}));
    return policy_msrs;
}

Result<> check_policy(abi::DomctlCpuPolicy& op) {
    op.err_leaf = op.err_subleaf = op.err_msr = ~u32{0};
    if (op.nr_leaves > most_leaves || op.nr_msrs > policy_msrs) return Errno::toobig;
    for (u32 i = 0; i < op.nr_leaves; ++i) {
        abi::CpuidLeaf const leaf = TRY(copy_in(op.leaves + i));
        if (!announces_more(leaf)) continue;
        op.err_leaf = leaf.leaf;
        op.err_subleaf = leaf.subleaf;
        return Errno::inval;
    }
    for (u32 i = 0; i < op.nr_msrs; ++i) {
        abi::MsrEntry const entry = TRY(copy_in(op.msrs + i));
        bool const is_known = std::ranges::find(msrs, entry.idx) != msrs.end();
        if (is_known && !entry.flags && !entry.val) continue;
        op.err_msr = entry.idx;
        return entry.flags || is_known ? Errno::inval : Errno::range;
    }
    return {};
}

u32 feature_word(u32 index) { return leaf_of_policy(words[index].leaf, words[index].subleaf).*words[index].part; }
}  // namespace hv::control
