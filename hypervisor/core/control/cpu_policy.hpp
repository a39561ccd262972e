// SPDX-License-Identifier: MIT
// Processors in the form in which Xen's tools handle them: lists of leaves, and words of feature bits. There is one
// policy for all guests, enforced where CPUID is emulated; tools may read it and may set what it allows. Two more are
// there to be read: the machine's own, and what the hypervisor uses of it.
#pragma once
#include "portable/base/result.hpp"
#include "public/domctl.hpp"

namespace hv::control {
// What a tool must have room for: as many leaves as its library writes for any policy, and the policy's registers.
inline constexpr u32 most_leaves = 120;
inline constexpr u32 policy_msrs = 2;

enum class Policy : u8 { machine, hypervisor, guests };

// Both copy their part of the policy out and tell its length. nobufs if the tool has too little room.
Result<u32> read_leaves(Policy policy, abi::guest_ptr<abi::CpuidLeaf> to, u32 room);
Result<u32> read_msrs(Policy policy, abi::guest_ptr<abi::MsrEntry> to, u32 room);
// Answers either form of the request. A null pointer asks how much room to make.
template <class Request>
Result<> get_policy(Policy policy, Request& request) {
    u32& leaves = request.nr_leaves;
    leaves = request.leaves.is_null() ? most_leaves : TRY(read_leaves(policy, request.leaves, leaves));
    u32& registers = request.nr_msrs;
    registers = request.msrs.is_null() ? policy_msrs : TRY(read_msrs(policy, request.msrs, registers));
    return {};
}
// Accepts a policy that announces no feature beyond ours. For one that does not fit, the place is in `op`: inval a
// leaf or a register that promises too much, range a register that is not part of a policy.
Result<> check_policy(abi::DomctlCpuPolicy& op);

inline constexpr u32 feature_words = 19;
u32 feature_word(Policy policy, u32 index);
}  // namespace hv::control
