// SPDX-License-Identifier: MIT
// Bouncing exceptions, events and system calls to the guest kernel: the general path in C++. What entry/bounce.S does
// for the common cases is the same, shorter. All of them act on the current vCPU, whose registers are `regs`.
#pragma once
#include <optional>
#include "core/vcpu.hpp"

namespace hv::x86 {
// Through the guest's trap table. Without a handler, or with a stack that cannot be written, the domain crashes.
void deliver_exception(Vcpu& vcpu, abi::CpuUserRegs& regs, u32 vector, std::optional<u64> error_code = {});
void deliver_page_fault(Vcpu& vcpu, abi::CpuUserRegs& regs, u64 address, u64 error_code);
void deliver_event(Vcpu& vcpu, abi::CpuUserRegs& regs);
void deliver_failsafe(Vcpu& vcpu, abi::CpuUserRegs& regs);
void deliver_system_call(Vcpu& vcpu, abi::CpuUserRegs& regs, bool compatibility);

// The domain cannot go on: says why, with the registers.
void give_up(Vcpu& vcpu, abi::CpuUserRegs const& regs, char const* why);

// Virtual mode changes: root and GS bases follow. No-ops in that mode.
void enter_kernel_mode(Vcpu& vcpu);
void enter_user_mode(Vcpu& vcpu);  // needs a user root
}  // namespace hv::x86
