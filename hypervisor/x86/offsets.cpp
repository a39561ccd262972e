// SPDX-License-Identifier: MIT
// Figures for assembly: each line becomes a #define in generated/offsets.h.
#include <cstddef>
#include "core/hypercall/dispatch.hpp"
#include "core/vcpu.hpp"
#include "portable/base/pte.hpp"
#include "public/hypercall.hpp"
#include "x86/cpu/segments.hpp"
#include "x86/cpu/this_cpu.hpp"

// The parts of a vCPU are bases, which lie one behind the other.
#pragma GCC diagnostic ignored "-Winvalid-offsetof"

#define EMIT(name, value) asm volatile("\n.ascii \"->" #name " %0\"" : : "i"(value))

namespace hv {
void emit_offsets() {
    using Regs = abi::CpuUserRegs;
    EMIT(REGS_R15, offsetof(Regs, r15));
    EMIT(REGS_R11, offsetof(Regs, r11));
    EMIT(REGS_R10, offsetof(Regs, r10));
    EMIT(REGS_R9, offsetof(Regs, r9));
    EMIT(REGS_R8, offsetof(Regs, r8));
    EMIT(REGS_RBX, offsetof(Regs, rbx));
    EMIT(REGS_RAX, offsetof(Regs, rax));
    EMIT(REGS_RCX, offsetof(Regs, rcx));
    EMIT(REGS_RDX, offsetof(Regs, rdx));
    EMIT(REGS_RSI, offsetof(Regs, rsi));
    EMIT(REGS_RDI, offsetof(Regs, rdi));
    EMIT(REGS_CODE, offsetof(Regs, error_code));
    EMIT(REGS_RIP, offsetof(Regs, rip));
    EMIT(REGS_CS, offsetof(Regs, cs));
    EMIT(REGS_RFLAGS, offsetof(Regs, rflags));
    EMIT(REGS_STACK, offsetof(Regs, rsp));
    EMIT(REGS_SS, offsetof(Regs, ss));
    EMIT(REGS_PUSH_END, offsetof(Regs, es));
    EMIT(REGS_END, sizeof(Regs));

    EMIT(CPU_BLOCK_SIZE, sizeof(CpuBlock));
    EMIT(CPU_CURRENT, offsetof(CpuBlock, current));
    EMIT(CPU_ID, offsetof(CpuBlock, id));
    EMIT(CPU_PORTS, static_cast<int>((window::tss_page - window::stack_page - window::stack_pages) * page_size +
                                     sizeof(CpuBlock) + window::offset_in_tss));
    EMIT(PORTS_CLOSED, int{window::ports_closed});
    EMIT(CPU_CR3_WRITES, offsetof(CpuBlock, counts));  // perf::Event::cr3_write
    EMIT(CPU_PENDING, offsetof(CpuBlock, pending));
    EMIT(STACK_MASK, window::stack_mask);
    EMIT(STACK_SIZE, window::stack_mask + 1);
    // From the trampoline page of a window to the saved stack pointer in its guest frame.
    EMIT(TRAMPOLINE_TO_FRAME_RSP, (window::stack_page + window::stack_pages - window::trampoline_page) * page_size -
                                      sizeof(CpuBlock) - sizeof(abi::CpuUserRegs) + offsetof(abi::CpuUserRegs, rsp));
    EMIT(HV_CODE_SELECTOR, int{selector::hv_code});
    EMIT(HV_DATA_SELECTOR, int{selector::hv_data});

    EMIT(VCPU_INFO, offsetof(Vcpu, info));
    EMIT(VCPU_KERNEL_CR3, offsetof(Vcpu, kernel_root));
    EMIT(VCPU_USER_CR3, offsetof(Vcpu, user_root));
    EMIT(VCPU_KERNEL_SP, offsetof(Vcpu, kernel_sp));
    EMIT(VCPU_IN_KERNEL, offsetof(Vcpu, in_kernel));
    EMIT(VCPU_SHOWS_IOPL, offsetof(Vcpu, shows_iopl));
    EMIT(VCPU_EVENT_CALLBACK, offsetof(Vcpu, event_callback));
    EMIT(VCPU_SYSCALL_CALLBACK, offsetof(Vcpu, syscall_callback));
    EMIT(VCPU_TRAPS, offsetof(Vcpu, traps));
    EMIT(VCPU_CR2, offsetof(Vcpu, cr2));
    EMIT(VCPU_DEMOTIONS, offsetof(Vcpu, demotions));

    EMIT(GATE_SIZE, sizeof(TrapGate));
    EMIT(GATE_ADDRESS, offsetof(TrapGate, address));
    EMIT(GATE_MASK_EVENTS, offsetof(TrapGate, mask_events));
    EMIT(CALLBACK_ADDRESS, offsetof(GuestCallback, address));
    EMIT(CALLBACK_MASK_EVENTS, offsetof(GuestCallback, mask_events));

    EMIT(INFO_PENDING, offsetof(abi::VcpuInfo, evtchn_upcall_pending));
    EMIT(INFO_MASK, offsetof(abi::VcpuInfo, evtchn_upcall_mask));
    EMIT(INFO_CR2, offsetof(abi::VcpuInfo, arch.cr2));

    EMIT(IRET_RAX, offsetof(abi::IretContext, rax));
    EMIT(IRET_R11, offsetof(abi::IretContext, r11));
    EMIT(IRET_RCX, offsetof(abi::IretContext, rcx));
    EMIT(IRET_FLAGS, offsetof(abi::IretContext, flags));
    EMIT(IRET_RIP, offsetof(abi::IretContext, rip));
    EMIT(IRET_CS, offsetof(abi::IretContext, cs));
    EMIT(IRET_RFLAGS, offsetof(abi::IretContext, rflags));
    EMIT(IRET_STACK, offsetof(abi::IretContext, rsp));
    EMIT(IRET_SS, offsetof(abi::IretContext, ss));

    EMIT(HYPERCALL_ARGS_SIZE, sizeof(HypercallArgs));
    EMIT(HYPERCALL_SLOTS, static_cast<int>(hypercall_slots));
    EMIT(M2P_SLOT_ADDRESS, hypervisor_start >> 39);
    EMIT(HYPERCALL_IRET, static_cast<int>(abi::hypercall::iret));
    EMIT(OUTCOME_IRET, static_cast<int>(Outcome::Kind::iret));
    EMIT(ERRNO_NOSYS, static_cast<int>(abi::Errno::nosys));
    EMIT(VGCF_IN_SYSCALL, abi::vgcf::in_syscall);
    EMIT(GUEST_CODE64, int{abi::selector::flat_cs64});
    EMIT(GUEST_CODE32, int{abi::selector::flat_cs32});
    EMIT(GUEST_DATA, int{abi::selector::flat_ss});
}
}  // namespace hv
