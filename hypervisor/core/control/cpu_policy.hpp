// SPDX-License-Identifier: MIT
// The processor that guests see, in the form in which Xen's tools handle it: lists of leaves, and words of feature
// bits. There is one policy for all guests, enforced where CPUID is emulated; tools may read it and may set what it
// allows.
#pragma once
#include "base/result.hpp"
#include "public/domctl.hpp"

namespace hv::control {
// What a tool must have room for: as many leaves as its library writes for any policy, and the policy's registers.
inline constexpr u32 most_leaves = 120;
inline constexpr u32 policy_msrs = 2;

// Both copy their part of the policy out and tell its length. nobufs if the tool has too little room.
Result<u32> read_leaves(abi::guest_ptr<abi::CpuidLeaf> to, u32 room);
Result<u32> read_msrs(abi::guest_ptr<abi::MsrEntry> to, u32 room);
// Answers either form of the request. A null pointer asks how much room to make.
template <class Request>
Result<> get_policy(Request& request) {
    request.nr_leaves = request.leaves.is_null() ? most_leaves : TRY(read_leaves(request.leaves, request.nr_leaves));
    request.nr_msrs = request.msrs.is_null() ? policy_msrs : TRY(read_msrs(request.msrs, request.nr_msrs));
    return {};
}
// Accepts a policy that announces no feature beyond ours. For one that does not fit, the place is in `op`: inval a
// leaf or a register that promises too much, range a register that is not part of a policy.
Result<> check_policy(abi::DomctlCpuPolicy& op);

inline constexpr u32 feature_words = 16;
u32 feature_word(u32 index);
}  // namespace hv::control
