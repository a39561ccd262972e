// SPDX-License-Identifier: MIT
#include "core/control/cpu_policy.hpp"
#include <algorithm>
#include <array>
#include <bit>
#include "core/guest_access.hpp"
#include "core/hal/cpu.hpp"
#include "core/hal/memory.hpp"
#include "core/hal/time.hpp"
#include "core/pv/cpuid.hpp"

namespace hv::control {
namespace {
using abi::cpuid_no_subleaf;

constexpr u32 cache_leaf = 4, features_leaf = 7, topology_leaf = 0xb, state_leaf = 0xd;
constexpr u32 extended_start = 0x8000'0000;
// How far a hypervisor's own leaves go: 0, no matter. Tools write back as many leaves as they have read, and these are
// among them.
constexpr u32 hypervisor_leaves[] = {0x4000'0000, 0x4000'0100};
// What a policy has room for: together most_leaves.
constexpr u32 last_basic = state_leaf, last_extended = extended_start + 0x21;
constexpr u32 cache_subleaves = 6, features_subleaves = 3, topology_subleaves = 2, state_subleaves = 63;
constexpr u32 type_mask = 0x1f, topology_type_mask = 0xff00;

// Its ends are those of a policy: the hypervisor itself knows some leaves beyond, which tools cannot be told.
CpuidLeaf leaf_of_hypervisor(u32 leaf, u32 subleaf) {
    CpuidLeaf value = pv::switched_cpuid(hal::cpuid, leaf, subleaf);
    if (leaf == 0) value.eax = std::min(value.eax, last_basic);
    if (leaf == extended_start) value.eax = std::min(value.eax, last_extended);
    if (leaf == features_leaf && subleaf == 0) value.eax = std::min(value.eax, features_subleaves - 1);
    return value;
}

CpuidLeaf leaf_of(Policy policy, u32 leaf, u32 subleaf) {
    if (policy == Policy::machine) return hal::cpuid(leaf, subleaf);
    if (policy == Policy::hypervisor) return leaf_of_hypervisor(leaf, subleaf);
    pv::CpuidGuest const guest{.xcr0 = pv::guest_xcr0_mask,
                               .address_bits = static_cast<u32>(hal::max_address_bits()),
                               .tsc_khz = static_cast<u32>(hal::tsc_khz())};
    return pv::guest_cpuid(hal::cpuid, guest, leaf, subleaf);
}

// One for each component of the state, and for all below the last.
u32 state_leaves(Policy policy) {
    CpuidLeaf const user = leaf_of(policy, state_leaf, 0), supervisor = leaf_of(policy, state_leaf, 1);
    u64 const components = u64{user.edx | supervisor.edx} << 32 | user.eax | supervisor.ecx;
    return std::clamp<u32>(64 - static_cast<u32>(std::countl_zero(components)), 2, state_subleaves);
}

// None: the leaf is the same whatever the subleaf.
u32 subleaves_of(Policy policy, u32 leaf) {
    switch (leaf) {
        case cache_leaf: return cache_subleaves;
        case features_leaf: return std::min(leaf_of(policy, leaf, 0).eax + 1, features_subleaves);
        case topology_leaf: return topology_subleaves;
        case state_leaf: return state_leaves(policy);
        default: return 0;
    }
}

// A list of caches, or of levels, is closed by an entry of no type.
bool ends_list(abi::CpuidLeaf const& leaf) {
    return (leaf.leaf == cache_leaf && !(leaf.a & type_mask)) ||
           (leaf.leaf == topology_leaf && !(leaf.c & topology_type_mask));
}

// Every leaf that a tool knows how to read, in rising order. Stops with the first error.
template <class F>
Result<> for_each_leaf(Policy policy, F&& visit) {
    auto emit = [&](u32 leaf) -> Result<> {
        u32 const count = subleaves_of(policy, leaf);
        for (u32 subleaf = 0; subleaf < std::max(count, 1u); ++subleaf) {
            CpuidLeaf const value = leaf_of(policy, leaf, subleaf);
            u32 const shown = count ? subleaf : cpuid_no_subleaf;
            abi::CpuidLeaf const line{leaf, shown, value.eax, value.ebx, value.ecx, value.edx};
            TRY(visit(line));
            if (ends_list(line)) break;
        }
        return {};
    };
    u32 const basic = std::min(leaf_of(policy, 0, 0).eax, last_basic);
    for (u32 leaf = 0; leaf <= basic; ++leaf) TRY(emit(leaf));
    for (u32 const leaf : hypervisor_leaves) TRY(visit(abi::CpuidLeaf{leaf, cpuid_no_subleaf, 0, 0, 0, 0}));
    u32 const extended = std::min(leaf_of(policy, extended_start, 0).eax, last_extended);
    for (u32 leaf = extended_start; leaf <= extended; ++leaf) TRY(emit(leaf));
    return {};
}

// Where each word of feature bits comes from (cpufeatureset.h of Xen 4.17).
struct FeatureWord {
    u32 leaf, subleaf;
    u32 CpuidLeaf::*part;
};
constexpr u32 capabilities = 0x10a;
constexpr u32 e1 = 0x8000'0001, e7 = 0x8000'0007, e8 = 0x8000'0008, e21 = 0x8000'0021;
using Leaf = CpuidLeaf;
constexpr std::array<FeatureWord, feature_words> words{{
    // no part: half of a register
    {1, 0, &Leaf::edx},         {1, 0, &Leaf::ecx},         {e1, 0, &Leaf::edx},  {e1, 0, &Leaf::ecx},
    {0xd, 1, &Leaf::eax},       {7, 0, &Leaf::ebx},         {7, 0, &Leaf::ecx},   {e7, 0, &Leaf::edx},
    {e8, 0, &Leaf::ebx},        {7, 0, &Leaf::edx},         {7, 1, &Leaf::eax},   {e21, 0, &Leaf::eax},
    {7, 1, &Leaf::ebx},         {7, 2, &Leaf::edx},         {7, 1, &Leaf::ecx},   {7, 1, &Leaf::edx},
    {capabilities, 0, nullptr}, {capabilities, 1, nullptr}, {e21, 0, &Leaf::ecx},
}};

// Platform information, of which only CPUID faulting would count, and architectural capabilities. No guest is offered
// a bit of either.
constexpr std::array<u32, policy_msrs> msrs{0xce, capabilities};
u64 register_of(Policy policy, u32 index) {
    return index == capabilities && policy != Policy::guests ? hal::arch_capabilities() : 0;
}

// A word of a leaf that the policy has.
u32 word_of_leaf(Policy policy, FeatureWord const& word) {
    u32 const range = word.leaf & extended_start;
    return word.leaf <= leaf_of(policy, range, 0).eax ? leaf_of(policy, word.leaf, word.subleaf).*word.part : 0;
}

// Bits of the machine's topology. Tools copy them from the machine's own features, as Xen's guests see them there.
u32 topology_bits(FeatureWord const& word) {
    constexpr u32 htt = 1u << 28, cmp_legacy = 1u << 1;
    u32 const bits = word.leaf == 1 && word.part == &Leaf::edx    ? htt
                     : word.leaf == e1 && word.part == &Leaf::ecx ? cmp_legacy
                                                                  : 0;
    return word_of_leaf(Policy::hypervisor, word) & bits;
}

bool announces_more(abi::CpuidLeaf const& asked) {
    CpuidLeaf const value{asked.a, asked.b, asked.c, asked.d};
    u32 const subleaf = asked.subleaf == cpuid_no_subleaf ? 0 : asked.subleaf;
    for (FeatureWord const& word : words) {
        if (!word.part || word.leaf != asked.leaf || word.subleaf != subleaf) continue;
        if (value.*word.part & ~(word_of_leaf(Policy::guests, word) | topology_bits(word))) return true;
    }
    return false;
}
}  // namespace

Result<u32> read_leaves(Policy policy, guest_ptr<abi::CpuidLeaf> to, u32 room) {
    u32 count = 0;
    TRY(for_each_leaf(policy, [&](abi::CpuidLeaf const& leaf) -> Result<> {
        u32 const index = count++;
        return index < room ? copy_out(to + index, leaf) : Errno::nobufs;
    }));
    return count;
}

Result<u32> read_msrs(Policy policy, guest_ptr<abi::MsrEntry> to, u32 room) {
    if (room < policy_msrs) return Errno::nobufs;
    for (u32 i = 0; i < policy_msrs; ++i)
        TRY(copy_out(to + i, abi::MsrEntry{.idx = msrs[i], .flags = 0, .val = register_of(policy, msrs[i])}));
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

u32 feature_word(Policy policy, u32 index) {
    FeatureWord const& word = words[index];
    if (word.part) return word_of_leaf(policy, word);
    return static_cast<u32>(register_of(policy, word.leaf) >> 32 * word.subleaf);
}
}  // namespace hv::control
