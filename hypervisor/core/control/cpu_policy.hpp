// SPDX-License-Identifier: MIT
// The processor that guests see, in the form in which Xen's tools handle it: lists of leaves, and words of feature
// bits. There is one policy for all guests, enforced where CPUID is emulated; tools may read it and may set what it
// allows.
#pragma once
#include "base/result.hpp"
#include "public/domctl.hpp"

namespace hv::control {
struct PolicySize {
    u32 leaves;
    u32 msrs;
};
// Copies the policy out; with null pointers, tells only the sizes. nobufs if the tool's arrays are too small.
Result<PolicySize> read_policy(u32 nr_leaves, u32 nr_msrs, abi::guest_ptr<abi::CpuidLeaf> leaves,
                               abi::guest_ptr<abi::MsrEntry> msrs);
// Accepts a policy that announces no feature beyond ours. inval, with the place in `op`, for one that does.
Result<> check_policy(abi::DomctlCpuPolicy& op);

inline constexpr u32 feature_words = 16;
u32 feature_word(u32 index);
}  // namespace hv::control
