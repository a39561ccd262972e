// SPDX-License-Identifier: MIT
#include "base/log.hpp"
#include "core/domain.hpp"
#include "core/guest_access.hpp"
#include "core/hal/cpu.hpp"
#include "core/hal/vcpu.hpp"
#include "core/pv/trap_frame.hpp"
#include "public/mmu.hpp"
#include "x86/cpu/instructions.hpp"
#include "x86/entry/entry.hpp"
#include "x86/mm/tlb.hpp"
#include "x86/mm/window.hpp"

namespace hv::x86 {
namespace {
bool events_masked(Vcpu const& vcpu) { return __atomic_load_n(&vcpu.info->evtchn_upcall_mask, __ATOMIC_RELAXED) != 0; }

pv::TrapSource source_of(Vcpu const& vcpu, abi::CpuUserRegs const& regs) {
    return {.regs = regs,
            .in_kernel = vcpu.in_kernel,
            .upcall_mask = events_masked(vcpu),
            .kernel_sp = vcpu.kernel_sp,
            .iopl = vcpu.shows_iopl ? vcpu.iopl : u8{0}};
}

// The words are written in kernel mode: the stack of the guest kernel need not exist in the user root.
void bounce(Vcpu& vcpu, abi::CpuUserRegs& regs, Result<pv::BounceFrame> const& built) {
    Result<pv::BounceFrame> frame = built;
    if (!frame) return give_up(vcpu, regs, "no place for a trap frame");
    enter_kernel_mode(vcpu);
    if (!copy_out_bytes(frame->address, frame->words.data(), frame->count * sizeof(u64)))
        return give_up(vcpu, regs, "the kernel stack cannot be written");
    if (frame->upcall_mask) __atomic_store_n(&vcpu.info->evtchn_upcall_mask, u8{1}, __ATOMIC_RELAXED);
    pv::enter_handler(*frame, regs);
}
}  // namespace

void give_up(Vcpu& vcpu, abi::CpuUserRegs const& regs, char const* why) {
    log::guest("d{}v{}: {}: rip {:x} rsp {:x} rax {:x} rdi {:x} rsi {:x} cr2 {:x} vector {} code {:x} {}",
               vcpu.domain->id, vcpu.id, why, regs.rip, regs.rsp, regs.rax, regs.rdi, regs.rsi, vcpu.cr2,
               regs.entry_vector, regs.error_code, vcpu.in_kernel ? "kernel" : "user");
    crash_domain(*vcpu.domain, why);
}

void enter_kernel_mode(Vcpu& vcpu) {
    if (vcpu.in_kernel) return;
    vcpu.in_kernel = true;
    cpu::swapgs();
    x86_tlb::load_root(vcpu.kernel_root);
}

void enter_user_mode(Vcpu& vcpu) {
    if (!vcpu.in_kernel) return;
    vcpu.in_kernel = false;
    window::port_bitmap_offset(hal::this_cpu()) = window::ports_closed;
    cpu::swapgs();
    x86_tlb::load_root(vcpu.user_root);
}

void deliver_exception(Vcpu& vcpu, abi::CpuUserRegs& regs, u32 vector, std::optional<u64> error_code) {
    TrapGate const& gate = vcpu.traps[vector];
    if (gate.address == 0) return give_up(vcpu, regs, "an exception without a handler");
    if (vector == device_not_available && vcpu.cr0_ts) {
        vcpu.cr0_ts = false;  // the guest's handler starts with TS clear, as stts/clts by fpu_taskswitch expect
        hal::load_virtual_ts(vcpu);
    }
    bounce(vcpu, regs,
           pv::exception_frame(source_of(vcpu, regs),
                               {.handler = gate.address, .mask_events = gate.mask_events, .error_code = error_code}));
}

void deliver_page_fault(Vcpu& vcpu, abi::CpuUserRegs& regs, u64 address, u64 error_code) {
    vcpu.cr2 = address;
    __atomic_store_n(&vcpu.info->arch.cr2, address, __ATOMIC_RELAXED);
    deliver_exception(vcpu, regs, page_fault, pv::guest_page_fault_code(error_code, vcpu.in_kernel));
}

void deliver_callback(Vcpu& vcpu, abi::CpuUserRegs& regs, GuestCallback const& callback) {
    bounce(
        vcpu, regs,
        pv::exception_frame(source_of(vcpu, regs), {.handler = callback.address, .mask_events = callback.mask_events}));
}

void deliver_failsafe(Vcpu& vcpu, abi::CpuUserRegs& regs) {
    if (vcpu.failsafe_callback.address == 0) return give_up(vcpu, regs, "bad segments and no failsafe callback");
    bounce(vcpu, regs,
           pv::failsafe_frame(source_of(vcpu, regs), {.handler = vcpu.failsafe_callback.address,
                                                      .mask_events = vcpu.failsafe_callback.mask_events}));
}

void deliver_system_call(Vcpu& vcpu, abi::CpuUserRegs& regs, bool compatibility) {
    GuestCallback const& callback = compatibility ? vcpu.syscall32_callback : vcpu.syscall_callback;
    if (callback.address == 0) {  // as if there were no such instruction
        regs.rip -= syscall_length;
        return deliver_exception(vcpu, regs, invalid_opcode);
    }
    bounce(vcpu, regs,
           pv::syscall_frame(source_of(vcpu, regs), {.handler = callback.address, .mask_events = callback.mask_events},
                             compatibility));
}
}  // namespace hv::x86
