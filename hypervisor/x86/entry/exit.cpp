// SPDX-License-Identifier: MIT
// Bouncing to the guest kernel, and what is done before a CPU goes (back) to a guest: work that interrupts have left,
// demotions, other vCPUs, events.
#include "base/log.hpp"
#include "core/domain.hpp"
#include "core/event/virq.hpp"
#include "core/guest_access.hpp"
#include "core/hal/cpu.hpp"
#include "core/hal/vcpu.hpp"
#include "core/mm/tlb_clock.hpp"
#include "core/mm/typed_ref.hpp"
#include "core/pv/trap_frame.hpp"
#include "core/sched/scheduler.hpp"
#include "core/sched/timer.hpp"
#include "public/event_channel.hpp"
#include "public/mmu.hpp"
#include "x86/boot/cmdline.hpp"
#include "x86/cpu/instructions.hpp"
#include "x86/cpu/this_cpu.hpp"
#include "x86/entry/entry.hpp"
#include "x86/mm/paging.hpp"
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

pv::TrapTarget target_of(GuestCallback const& callback) {
    return {.handler = callback.address, .mask_events = callback.mask_events};
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
    bounce(vcpu, regs, pv::exception_frame(source_of(vcpu, regs), target_of(callback)));
}

void deliver_failsafe(Vcpu& vcpu, abi::CpuUserRegs& regs) {
    if (vcpu.failsafe_callback.address == 0) return give_up(vcpu, regs, "bad segments and no failsafe callback");
    bounce(vcpu, regs, pv::failsafe_frame(source_of(vcpu, regs), target_of(vcpu.failsafe_callback)));
}

void deliver_system_call(Vcpu& vcpu, abi::CpuUserRegs& regs, bool compatibility) {
    GuestCallback const& callback = compatibility ? vcpu.syscall32_callback : vcpu.syscall_callback;
    if (callback.address == 0) {  // as if there were no such instruction
        regs.rip -= syscall_length;
        return deliver_exception(vcpu, regs, invalid_opcode);
    }
    bounce(vcpu, regs, pv::syscall_frame(source_of(vcpu, regs), target_of(callback), compatibility));
}
}  // namespace hv::x86

extern "C" {
[[noreturn]] void resume_guest();                     // entry/syscall.S
[[noreturn]] void restart_stack(void (*function)());  // entry/syscall.S; the function does not return
void prepare_exit(abi::CpuUserRegs& regs);
}

namespace hv::x86 {
namespace {
void do_pending_work(CpuBlock& cpu) {
    u32 work = cpu.pending.exchange(0, std::memory_order_acq_rel);
    if (work & PendingWork::timer) run_expired_timers();
    if (work & PendingWork::reschedule) follow_remote_timers();
    if (work & PendingWork::nmi) log::warn("cpu {}: NMI, ignored", cpu.id);
    if (work & PendingWork::stale_store) cpu.stale_store = {};
    if (work & PendingWork::console) send_global_virq(abi::virq::console);
}

bool has_event(Vcpu const& vcpu) {
    return __atomic_load_n(&vcpu.info->evtchn_upcall_pending, __ATOMIC_RELAXED) &&
           !__atomic_load_n(&vcpu.info->evtchn_upcall_mask, __ATOMIC_RELAXED);
}

// Others can make a CPU look for work over and over, and wait for it to flush: interrupts come in between two looks.
// Debug builds make sure of that.
void note_look([[maybe_unused]] CpuBlock& cpu) {
    ASSERT(!cpu.has_looked);
    if constexpr (perf::counting) cpu.has_looked = true;
}
void note_interrupts([[maybe_unused]] CpuBlock& cpu) {
    if constexpr (perf::counting) cpu.has_looked = false;
}

void let_others_in(CpuBlock& cpu) {
    cpu::let_interrupts_in();
    note_interrupts(cpu);
}

[[noreturn]] void idle() {
    CpuBlock& cpu = this_cpu();
    for (;;) {
        let_others_in(cpu);
        note_look(cpu);
        do_pending_work(cpu);
        if (sched::need_resched(cpu.id)) {
            Vcpu& next = sched::pick_next(cpu.id);
            if (!next.is_idle()) {
                switch_to(next);
                resume_guest();
            }
        }
        if (!drain_demotions(cpu.current->demotions)) continue;
        bool busy = cpu.pending.load(std::memory_order_acquire) || sched::need_resched(cpu.id);
        if (!busy) cpu::wait_for_interrupt();
    }
}
}  // namespace

void serve_interrupts() {
    let_others_in(this_cpu());
    do_pending_work(this_cpu());
}
}  // namespace hv::x86

void hv::run_scheduler() {
    tlb::note_idle(this_cpu().id);  // no guest has run here yet
    sched::request_resched(this_cpu().id);
    restart_stack(x86::idle);
}

// From entry/syscall.S with the whole guest frame; the guest goes on with what it holds when this returns.
void prepare_exit(abi::CpuUserRegs& regs) {
    using namespace hv;
    CpuBlock& cpu = this_cpu();
    x86::note_interrupts(cpu);  // in the guest
    for (;; x86::let_others_in(cpu)) {
        x86::note_look(cpu);
        if (cpu.pending.load(std::memory_order_acquire)) x86::do_pending_work(cpu);
        Vcpu& vcpu = *cpu.current;
        bool has_selectors = !cpu.lacks_selectors || x86::find_selectors(cpu, regs);
        bool drained = drain_demotions(vcpu.demotions);  // also of what was found a page of an LDT
        if (sched::need_resched(cpu.id)) {
            Vcpu& next = sched::pick_next(cpu.id);
            if (&next != &vcpu) {
                x86::switch_to(next);
                if (next.is_idle()) restart_stack(x86::idle);
                continue;
            }
        }
        if (!drained || !has_selectors) continue;
        if (vcpu.nmi_pending.load(std::memory_order_relaxed) && vcpu.nmi_pending.exchange(false) &&
            vcpu.traps[x86::nmi].address)
            x86::deliver_exception(vcpu, regs, x86::nmi, {});
        if (x86::has_event(vcpu) && vcpu.event_callback.address) x86::deliver_callback(vcpu, regs, vcpu.event_callback);
        // The domain may have crashed over it. Work that this CPU has found for itself has no interrupt on its way.
        if (!cpu.pending.load(std::memory_order_relaxed)) return;
    }
}
