// SPDX-License-Identifier: MIT
// The processor that guests see, in the form in which Xen's tools handle it: lists of leaves, and words of feature
// bits. There is one policy for all guests, enforced where CPUID is emulated; tools may read it and may set what it
// allows.
#pragma once
#include "base/result.hpp"
#include "public/domctl.hpp"

namespace hv::control {
// Copies the policy out and tells its length; with a null pointer only that. nobufs if the tool has too little room.
Result<u32> read_policy(abi::guest_ptr<abi::CpuidLeaf> leaves, u32 room);
// Answers either form of the request. No register belongs to the policy: that list is empty.
template <class Request>
Result<> get_policy(Request& request) {
    request.nr_leaves = TRY(read_policy(request.leaves, request.nr_leaves));
    request.nr_msrs = 0;
    return {};
}
// Accepts a policy that announces no feature beyond ours. inval, with the place in `op`, for one that does.
Result<> check_policy(abi::DomctlCpuPolicy& op);

inline constexpr u32 feature_words = 16;
u32 feature_word(u32 index);
}  // namespace hv::control
