// SPDX-License-Identifier: MIT
// Exceptions, interrupts and system calls that the fast paths have left to C++. Those of guests are emulated, bounced,
// or kill the domain; exceptions of the hypervisor itself are expected at the places that the exception table lists,
// and nowhere else.
#include <span>
#include "base/log.hpp"
#include "core/domain.hpp"
#include "core/guest_access.hpp"
#include "core/hal/cpu.hpp"
#include "core/hal/memory.hpp"
#include "core/hal/vcpu.hpp"
#include "core/mm/descriptor.hpp"
#include "core/mm/root.hpp"
#include "core/pv/trap_frame.hpp"
#include "x86/cpu/instructions.hpp"
#include "x86/cpu/this_cpu.hpp"
#include "x86/dev/irq.hpp"
#include "x86/entry/entry.hpp"
#include "x86/mm/window.hpp"
#include "x86/panic.hpp"
#include "x86/pv/priv_op.hpp"

extern "C" {
// By the linker script: instructions of ours that may fault on a guest's account, and where each goes on if it does.
extern hv::u64 const extable_start[][2], extable_end[][2];
extern char const iret_fault[];  // entry/vectors.S: where a faulting IRETQ to a guest goes on
void handle_forced_cpuid(hv::Vcpu& vcpu, abi::CpuUserRegs& regs);
}

namespace hv::x86 {
namespace {
// Bits of error codes.
constexpr u32 code_present = 1u << 0, code_write = 1u << 1, code_user = 1u << 2;
constexpr u32 selector_code_external = 1u << 0, selector_code_idt = 1u << 1;

constexpr u64 dr6_single_step = 1u << 14;
constexpr u64 int_n_length = 2, forced_cpuid_length = 7;

// An emulated instruction of a guest that steps is a step.
void finish_instruction(Vcpu& vcpu, abi::CpuUserRegs& regs) {
    regs.rflags &= ~pv::rflags::resume;
    if (!(regs.rflags & pv::rflags::trap)) [[likely]]
        return;
    vcpu.debug_registers[6] |= dr6_single_step;
    deliver_exception(vcpu, regs, debug);
}

bool is_emulated(Vcpu& vcpu, abi::CpuUserRegs& regs, Emulated outcome) {  // or elsewhere: there is no more to do
    if (outcome == Emulated::done) finish_instruction(vcpu, regs);
    return outcome != Emulated::refused;
}

// INT n: `regs.rip` is behind the instruction.
void software_interrupt(Vcpu& vcpu, abi::CpuUserRegs& regs, u32 vector) {
    u32 level = vcpu.in_kernel ? 1 : 3;
    TrapGate const& gate = vcpu.traps[vector];
    if (gate.address && gate.privilege >= level) return deliver_exception(vcpu, regs, vector);
    regs.rip -= int_n_length;
    deliver_exception(vcpu, regs, general_protection, vector << 3 | selector_code_idt);
}

// The vector of an INT n that hardware has refused. Some emulators report it wrongly, so the instruction counts.
u32 refused_vector(abi::CpuUserRegs const& regs) {
    FetchedCode code = fetch_code(regs);
    if (code.size >= int_n_length && code.bytes[0] == 0xcd) return code.bytes[1];
    return regs.error_code >> 3 & 0xff;
}

void handle_general_protection(Vcpu& vcpu, abi::CpuUserRegs& regs) {
    if ((regs.error_code & selector_code_idt) && !(regs.error_code & selector_code_external)) {
        u32 vector = refused_vector(regs);
        regs.rip += int_n_length;
        return software_interrupt(vcpu, regs, vector);
    }
    if (regs.error_code == 0 && is_emulated(vcpu, regs, emulate_privileged(vcpu, regs))) return;
    deliver_exception(vcpu, regs, general_protection, regs.error_code);
}

void handle_invalid_opcode(Vcpu& vcpu, abi::CpuUserRegs& regs) {
    constexpr u64 prefix_and_cpuid = 0x00a2'0f6e'6578'0b0f;  // UD2, "xen", CPUID; little-endian
    constexpr u64 seven_bytes = 0x00ff'ffff'ffff'ffff;
    u64 code = 0;
    if (!is_guest_range(regs.rip, forced_cpuid_length) || !hal::copy_from_guest(&code, regs.rip, forced_cpuid_length) ||
        (code & seven_bytes) != prefix_and_cpuid)
        return deliver_exception(vcpu, regs, invalid_opcode);
    handle_forced_cpuid(vcpu, regs);
}

// The processor looked for a descriptor in our window. Where a page of the LDT was missing it may be there now;
// otherwise the fault is the guest's, at its own address of the table.
void handle_window_fault(Vcpu& vcpu, abi::CpuUserRegs& regs, u64 address) {
    CpuId cpu = hal::this_cpu();
    if (!window::is_ldt(cpu, address)) return deliver_exception(vcpu, regs, general_protection, 0);
    u64 offset = window::ldt_offset(cpu, address);
    Result<> const found = load_ldt_page(vcpu, static_cast<u32>(offset >> page_shift));
    if (found || found.error() == Errno::again) return;
    deliver_page_fault(vcpu, regs, vcpu.ldt_base + offset, 0);
}

void handle_page_fault(Vcpu& vcpu, abi::CpuUserRegs& regs, u64 address) {
    u32 code = regs.error_code;
    if (!(code & code_user)) return handle_window_fault(vcpu, regs, address);  // although from ring 3
    constexpr u32 write_to_present = code_present | code_write;
    if ((code & write_to_present) == write_to_present && vcpu.in_kernel &&
        is_emulated(vcpu, regs, emulate_table_write(vcpu, regs, address)))
        return;
    if (!(code & code_present) && show_m2p(vcpu, address)) return;
    deliver_page_fault(vcpu, regs, address, code);
}

// The hypervisor's store to a guest's page that may be written by now: whether to try it again, with the flags it had.
bool is_stale_store(abi::CpuUserRegs const& regs, u64 address) {
    constexpr u32 write_to_present = code_present | code_write;
    if (regs.entry_vector != page_fault || regs.error_code != write_to_present) return false;
    CpuBlock& cpu = this_cpu();
    if (!cpu.stale_store.is_worth_a_try(cpu::read_cr3() & Pte::address, regs.rip, address)) return false;
    cpu.pending.fetch_or(PendingWork::stale_store, std::memory_order_relaxed);
    hal::flush_tlb_page_local(address);
    return true;
}

// The place to continue after a fault at `rip`; 0 if no fault is expected there.
u64 fixup_for(u64 rip) {
    for (auto const& [instruction, fixup] : std::span(extable_start, extable_end))
        if (instruction == rip) return fixup;
    return 0;
}

void handle_debug(Vcpu& vcpu, abi::CpuUserRegs& regs) {
    vcpu.debug_registers[6] |= pv::fixed_dr6(cpu::read_dr6());  // the guest clears them
    cpu::write_dr6(pv::fixed_dr6(0));
    deliver_exception(vcpu, regs, debug);
}

// The hypervisor may have been anywhere, with any lock: what is to be said is said later.
void handle_nmi() {
    if (smp::must_stop()) smp::stop_this();
    this_cpu().pending.fetch_or(PendingWork::nmi, std::memory_order_relaxed);
}

void handle_device_not_available(Vcpu& vcpu, abi::CpuUserRegs& regs) {
    if (vcpu.cr0_ts) return deliver_exception(vcpu, regs, device_not_available);
    cpu::clts();  // TS was ours
}
}  // namespace
}  // namespace hv::x86

using namespace hv;

#pragma GCC diagnostic ignored "-Wmissing-declarations"  // assembly calls these
extern "C" {
// From ring 3, with a full frame at the top of the main stack; the exit path follows.
void handle_guest_trap(abi::CpuUserRegs& regs) {
    u64 fault_address = cpu::read_cr2();  // before any fault of our own
    Vcpu& vcpu = hal::current();
    u32 vector = regs.entry_vector;
    switch (vector) {
        case x86::page_fault: return x86::handle_page_fault(vcpu, regs, fault_address);
        case x86::general_protection: return x86::handle_general_protection(vcpu, regs);
        case x86::invalid_opcode: return x86::handle_invalid_opcode(vcpu, regs);
        case x86::debug: return x86::handle_debug(vcpu, regs);
        case x86::nmi: return x86::handle_nmi();
        case x86::device_not_available: return x86::handle_device_not_available(vcpu, regs);
        case x86::linux_system_call: return x86::software_interrupt(vcpu, regs, vector);
        default: break;
    }
    if (vector >= x86::first_interrupt) return irq::handle(static_cast<u8>(vector));
    std::optional<u64> code;
    if (pv::has_error_code(vector)) code = regs.error_code;
    x86::deliver_exception(vcpu, regs, vector, code);
}

// CPUID behind its prefix, from entry/bounce.S with the full frame, or as found above.
void handle_forced_cpuid(Vcpu& vcpu, abi::CpuUserRegs& regs) {
    x86::emulate_cpuid(vcpu, regs);
    regs.rip += x86::forced_cpuid_length;
    x86::finish_instruction(vcpu, regs);
}

// A guest kernel's write to a page that is present: perhaps a page table. From entry/bounce.S with the full frame.
void handle_kernel_write_fault(Vcpu& vcpu, abi::CpuUserRegs& regs) {
    x86::handle_page_fault(vcpu, regs, cpu::read_cr2());
}

// From ring 0: interrupts while a CPU is idle or lets them in, and faults in guest memory.
void handle_hypervisor_trap(abi::CpuUserRegs& regs) {
    if (regs.entry_vector >= x86::first_interrupt) return irq::handle(static_cast<u8>(regs.entry_vector));
    u64 fixup = x86::fixup_for(regs.rip);
    if (!fixup) panic_on_exception(regs);
    if (fixup == reinterpret_cast<u64>(iret_fault)) {
        // The processor has pushed below the guest frame's hardware part, and left this word of it alone.
        abi::CpuUserRegs& guest = guest_frame(this_cpu());
        guest.error_code = regs.error_code;
        guest.entry_vector = regs.entry_vector;
    } else if (x86::is_stale_store(regs, cpu::read_cr2())) {
        return;
    }
    regs.rip = fixup;
    regs.rflags = pv::rflags::always_one;  // where it goes on nobody knows whose they were
}

// Exceptions with a stack of their own.
void handle_machine_trap(abi::CpuUserRegs& regs) {
    switch (regs.entry_vector) {
        case x86::debug:
            cpu::write_dr6(pv::fixed_dr6(0));
            return;  // a guest's breakpoint, caught one instruction too late
        case x86::nmi: return x86::handle_nmi();
        default: panic_on_exception(regs);
    }
}

// The guest frame holds where the guest would have gone on: to the guest, it is there that the exception happens. Where
// the IRETQ is tried again, another CPU may be at work on the page of the LDT and wait for this one to flush.
void handle_iret_fault(abi::CpuUserRegs& regs) {
    Vcpu& vcpu = hal::current();
    if (regs.entry_vector == x86::page_fault) {
        x86::handle_window_fault(vcpu, regs, cpu::read_cr2());
        return cpu::let_interrupts_in();
    }
    x86::deliver_exception(vcpu, regs, regs.entry_vector, regs.error_code);
}

#ifdef PARAVANE_DEBUG
[[noreturn]] void handle_broken_edge() { panic("C++ is called with flags that are not ours"); }
#endif

void handle_system_call(abi::CpuUserRegs& regs) { x86::deliver_system_call(hal::current(), regs, false); }

void handle_compatibility_call(abi::CpuUserRegs& regs) {
    Vcpu& vcpu = hal::current();
    if (!vcpu.in_kernel) return x86::deliver_system_call(vcpu, regs, true);
    regs.rip -= x86::syscall_length;  // hypercalls are made from 64-bit code
    x86::deliver_exception(vcpu, regs, x86::invalid_opcode);
}

void handle_sysenter(abi::CpuUserRegs& regs) {
    Vcpu& vcpu = hal::current();
    if (vcpu.in_kernel || !vcpu.sysenter_callback.address)
        return x86::deliver_exception(vcpu, regs, x86::general_protection, 0);
    x86::deliver_callback(vcpu, regs, vcpu.sysenter_callback);
}

void handle_iret(abi::CpuUserRegs& regs) {
    Vcpu& vcpu = hal::current();
    Result<abi::IretContext> context = copy_in(guest_ptr<abi::IretContext>{regs.rsp});
    if (!context) return x86::give_up(vcpu, regs, "iret: the frame cannot be read");
    Result<pv::IretState> state = pv::iret_state(regs, *context, bool{vcpu.user_root});
    if (!state) return x86::give_up(vcpu, regs, "iret to user mode without a user root");
    regs = state->regs;
    if (context->flags & abi::vgcf::in_syscall) {  // as SYSRET leaves them
        regs.rcx = regs.rip;
        regs.r11 = regs.rflags;
    }
    __atomic_store_n(&vcpu.info->evtchn_upcall_mask, u8{state->upcall_mask}, __ATOMIC_RELAXED);
    if (vcpu.shows_iopl) vcpu.iopl = state->iopl;
    if (state->to_user) x86::enter_user_mode(vcpu);
}
}  // extern "C"
