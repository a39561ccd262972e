// SPDX-License-Identifier: MIT
// What is done before a CPU goes (back) to a guest: work that interrupts have left, demotions, other vCPUs, events.
#include "base/log.hpp"
#include "core/domain.hpp"
#include "core/event/virq.hpp"
#include "core/mm/tlb_clock.hpp"
#include "core/mm/typed_ref.hpp"
#include "core/sched/scheduler.hpp"
#include "core/sched/timer.hpp"
#include "public/event_channel.hpp"
#include "x86/boot/cmdline.hpp"
#include "x86/cpu/instructions.hpp"
#include "x86/cpu/this_cpu.hpp"
#include "x86/entry/entry.hpp"

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
#ifdef PARAVANE_DEBUG
void note_look(CpuBlock& cpu) {
    ASSERT(!cpu.has_looked);
    cpu.has_looked = true;
}
void note_interrupts(CpuBlock& cpu) { cpu.has_looked = false; }
#else
void note_look(CpuBlock&) {}
void note_interrupts(CpuBlock&) {}
#endif

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
