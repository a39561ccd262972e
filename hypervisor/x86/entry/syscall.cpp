// SPDX-License-Identifier: MIT
// What the assembly of system calls and the iret hypercall leaves to C++.
#include "core/domain.hpp"
#include "core/guest_access.hpp"
#include "core/pv/trap_frame.hpp"
#include "x86/entry/deliver.hpp"

extern "C" {
void handle_system_call(abi::CpuUserRegs& regs);
void handle_compatibility_call(abi::CpuUserRegs& regs);
void handle_iret(abi::CpuUserRegs& regs);
}

using namespace hv;

namespace {
constexpr u32 invalid_opcode = 6;
constexpr u32 general_protection = 13;
constexpr u64 system_call_length = 2;
}  // namespace

void handle_system_call(abi::CpuUserRegs& regs) { x86::deliver_system_call(hal::current(), regs, false); }

void handle_compatibility_call(abi::CpuUserRegs& regs) {
    Vcpu& vcpu = hal::current();
    if (!vcpu.in_kernel) return x86::deliver_system_call(vcpu, regs, true);
    regs.rip -= system_call_length;  // hypercalls are made from 64-bit code
    x86::deliver_exception(vcpu, regs, invalid_opcode);
}

void handle_iret(abi::CpuUserRegs& regs) {
    Vcpu& vcpu = hal::current();
    Result<abi::IretContext> context = copy_in(guest_ptr<abi::IretContext>{regs.rsp});
    if (!context) return x86::give_up(vcpu, regs, "iret: the frame cannot be read");
    Result<pv::IretState> state = pv::iret_state(regs, *context, vcpu.user_cr3 != 0);
    if (!state) {
        if (state.error() == Errno::inval) return x86::give_up(vcpu, regs, "iret to user mode without a user root");
        return x86::deliver_exception(vcpu, regs, general_protection, 0);
    }
    regs = state->regs;
    if (context->flags & abi::vgcf::in_syscall) {  // as SYSRET leaves them
        regs.rcx = regs.rip;
        regs.r11 = regs.rflags;
    }
    __atomic_store_n(&vcpu.info->evtchn_upcall_mask, u8{state->upcall_mask}, __ATOMIC_RELAXED);
    if (state->to_user) x86::enter_user_mode(vcpu);
}
