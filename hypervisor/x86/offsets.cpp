// SPDX-License-Identifier: MIT
// Figures for assembly: each becomes a #define in generated/offsets.h.
#include <cstddef>
#include "core/hypercall/dispatch.hpp"
#include "core/vcpu.hpp"
#include "portable/base/pte.hpp"
#include "public/hypercall.hpp"
#include "x86/cpu/this_cpu.hpp"
#include "x86/mm/window.hpp"

// The parts of a vCPU are bases, which lie one behind the other.
#pragma GCC diagnostic ignored "-Winvalid-offsetof"

#define EMIT(name, value) asm volatile("\n.ascii \"->" #name " %0\"" : : "i"(value))
// FIELDS(PREFIX, type, a, b): PREFIX_a and PREFIX_b, where the type has its members a and b.
#define FIELDS(...) AGAIN(AGAIN(AGAIN(AGAIN(FIELD(__VA_ARGS__)))))
#define AGAIN(...) SAME(SAME(SAME(SAME(__VA_ARGS__))))
#define SAME(...) __VA_ARGS__
#define NO_MORE ()
#define FIELD_LATER() FIELD
#define FIELD(prefix, type, member, ...)             \
    EMIT(prefix##_##member, offsetof(type, member)); \
    __VA_OPT__(FIELD_LATER NO_MORE(prefix, type, __VA_ARGS__))

namespace hv {
void emit_offsets() {
    FIELDS(REGS, abi::CpuUserRegs, r15, r11, r10, r9, r8, rbx, rax, rcx, rdx, rsi, rdi)
    FIELDS(REGS, abi::CpuUserRegs, error_code, rip, cs, rflags, rsp, ss)
    EMIT(REGS_PUSH_END, offsetof(abi::CpuUserRegs, es));
    EMIT(REGS_END, sizeof(abi::CpuUserRegs));

    EMIT(CPU_BLOCK_SIZE, sizeof(CpuBlock));
    FIELDS(CPU, CpuBlock, current, pending)
    EMIT(CPU_PORTS, static_cast<int>((window::tss_page - window::stack_page - window::stack_pages) * page_size +
                                     sizeof(CpuBlock) + window::offset_in_tss));
    EMIT(PORTS_CLOSED, int{window::ports_closed});
    EMIT(CPU_CR3_WRITES, offsetof(CpuBlock, counts));  // perf::Event::cr3_write
    EMIT(STACK_MASK, window::stack_mask);
    EMIT(STACK_SIZE, window::stack_mask + 1);
    // From the trampoline page of a window to the saved stack pointer in its guest frame.
    EMIT(TRAMPOLINE_TO_FRAME_RSP, (window::stack_page + window::stack_pages - window::trampoline_page) * page_size -
                                      sizeof(CpuBlock) - sizeof(abi::CpuUserRegs) + offsetof(abi::CpuUserRegs, rsp));
    EMIT(HV_CODE_SELECTOR, int{selector::hv_code});
    EMIT(HV_DATA_SELECTOR, int{selector::hv_data});

    FIELDS(VCPU, Vcpu, info, kernel_root, user_root, kernel_sp, in_kernel, shows_iopl, event_callback, syscall_callback)
    FIELDS(VCPU, Vcpu, traps, cr2, demotions)
    EMIT(GATE_SIZE, sizeof(TrapGate));
    FIELDS(GATE, TrapGate, address, mask_events)
    FIELDS(CALLBACK, GuestCallback, address, mask_events)
    FIELDS(INFO, abi::VcpuInfo, evtchn_upcall_pending, evtchn_upcall_mask)
    EMIT(INFO_CR2, offsetof(abi::VcpuInfo, arch.cr2));
    FIELDS(IRET, abi::IretContext, rax, r11, rcx, flags, rip, cs, rflags, rsp, ss)

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
