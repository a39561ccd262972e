// SPDX-License-Identifier: MIT
// A vCPU's whole state as the ABI carries it: VCPUOP_initialise, domctl setvcpucontext and getvcpucontext.
#pragma once
#include "core/domain.hpp"
#include "public/mmu.hpp"
#include "public/vcpu.hpp"

namespace hv::pv {
// What a domain may switch on: bits by abi::vmassist.
inline constexpr u64 supported_assists =
    u64{1} << abi::vmassist::writable_pagetables | u64{1} << abi::vmassist::pae_extended_cr3 |
    u64{1} << abi::vmassist::architectural_iopl | u64{1} << abi::vmassist::runstate_update_flag |
    u64{1} << abi::vmassist::m2p_strict;

// Gives a vCPU that does not run its state. On one that has a state already only registers and callbacks may change:
// opnotsupp if tables would. Errors: inval for what a guest cannot have; again.
Result<> set_context(Vcpu& vcpu, abi::VcpuGuestContext const& context);

// The state of a vCPU that does not run.
void get_context(Vcpu const& vcpu, abi::VcpuGuestContext& context);
}  // namespace hv::pv
