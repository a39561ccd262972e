// SPDX-License-Identifier: MIT
// The way back to guests, and the CPUs' time between them; bouncing exceptions, events and system calls to the guest
// kernel: the general path in C++. What entry/bounce.S does for the common cases is the same, shorter.
#pragma once
#include <optional>
#include "core/vcpu.hpp"

namespace hv {
struct CpuBlock;

// Enters the scheduler on this CPU's main stack, with this_cpu().current the idle vCPU. Interrupts are off.
[[noreturn]] void run_scheduler();
}  // namespace hv

namespace hv::x86 {
// For long work outside a guest's exit path, the start of dom0: what waits for this CPU gets its turn.
void serve_interrupts();

// Makes another vCPU the current one of this CPU: its state is in the hardware and its registers in the guest frame.
void switch_to(Vcpu& next);

// Loads the selectors that the current vCPU lacks, once their pages of the LDT are there, as its own load would find
// them: they need not be yet, although nothing is wrong. False: not yet. Others of the domain may keep them away for
// ever, so this is asked in the exit path, where everybody else gets his turn. A bad one is the failsafe callback's.
bool find_selectors(CpuBlock& cpu, abi::CpuUserRegs& regs);

// Intel SDM volume 3, table 6-1.
enum Vector : u32 {
    debug = 1,
    nmi = 2,
    breakpoint = 3,
    invalid_opcode = 6,
    device_not_available = 7,
    general_protection = 13,
    page_fault = 14,
    first_interrupt = 32,
    linux_system_call = 0x80,
};
inline constexpr u64 syscall_length = 2;  // SYSCALL, like INT n

// All of these act on the current vCPU, whose registers are `regs`. Through the guest's trap table. Without a handler,
// or with a stack that cannot be written, the domain crashes.
void deliver_exception(Vcpu& vcpu, abi::CpuUserRegs& regs, u32 vector, std::optional<u64> error_code = {});
void deliver_page_fault(Vcpu& vcpu, abi::CpuUserRegs& regs, u64 address, u64 error_code);
void deliver_callback(Vcpu& vcpu, abi::CpuUserRegs& regs, GuestCallback const& callback);  // events, SYSENTER
void deliver_failsafe(Vcpu& vcpu, abi::CpuUserRegs& regs);
void deliver_system_call(Vcpu& vcpu, abi::CpuUserRegs& regs, bool compatibility);

// The domain cannot go on: says why, with the registers.
void give_up(Vcpu& vcpu, abi::CpuUserRegs const& regs, char const* why);

// Virtual mode changes: root and GS bases follow. No-ops in that mode.
void enter_kernel_mode(Vcpu& vcpu);
void enter_user_mode(Vcpu& vcpu);  // needs a user root
}  // namespace hv::x86

// Extended processor state of vCPUs: x87, SSE, AVX. Saved and loaded whole, whatever XCR0 the vCPU runs with: a
// component it has switched off may still hold what it, or another vCPU, left there.
namespace hv::xstate {
void init_cpu();
void set_xcr0(Vcpu& vcpu, u64 value);  // of the current vCPU
}  // namespace hv::xstate
