// SPDX-License-Identifier: MIT
// What is done before a CPU goes (back) to a guest: work that interrupts have left, demotions, other vCPUs, events.
#include "x86/entry/exit.hpp"
#include "core/domain.hpp"
#include "core/event/event_channel.hpp"
#include "core/hal.hpp"
#include "core/mm/demotion.hpp"
#include "core/mm/tlb_clock.hpp"
#include "core/sched/scheduler.hpp"
#include "core/sched/timer.hpp"
#include "public/event_channel.hpp"
#include "x86/boot/handover.hpp"
#include "x86/cpu/instructions.hpp"
#include "x86/cpu/this_cpu.hpp"
#include "x86/entry/deliver.hpp"

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
    if (work & PendingWork::console) send_global_virq(abi::virq::console);
}

bool has_event(Vcpu const& vcpu) {
    return __atomic_load_n(&vcpu.info->evtchn_upcall_pending, __ATOMIC_RELAXED) &&
           !__atomic_load_n(&vcpu.info->evtchn_upcall_mask, __ATOMIC_RELAXED);
}

[[noreturn]] void idle() {
    CpuBlock& cpu = this_cpu();
    for (;;) {
        do_pending_work(cpu);
        if (sched::need_resched(cpu.id)) {
            Vcpu& next = sched::pick_next(cpu.id);
            if (!next.is_idle()) {
                switch_to(next);
                resume_guest();
            }
        }
        if (!cpu.current->demotions.empty() && !drain_demotions(cpu.current->demotions)) {
            cpu::let_interrupts_in();
            continue;
        }
        bool busy = cpu.pending.load(std::memory_order_acquire) || sched::need_resched(cpu.id);
        if (!busy) cpu::wait_for_interrupt();
    }
}
}  // namespace

void serve_interrupts() {
    cpu::let_interrupts_in();
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
    for (;;) {
        if (cpu.pending.load(std::memory_order_acquire)) x86::do_pending_work(cpu);
        Vcpu& vcpu = *cpu.current;
        bool drained = vcpu.demotions.empty() || drain_demotions(vcpu.demotions);
        if (sched::need_resched(cpu.id)) {
            Vcpu& next = sched::pick_next(cpu.id);
            if (&next != &vcpu) {
                x86::switch_to(next);
                if (next.is_idle()) restart_stack(x86::idle);
            }
            continue;
        }
        if (!drained) {
            cpu::let_interrupts_in();
            continue;
        }
        if (vcpu.nmi_pending.load(std::memory_order_relaxed) && vcpu.nmi_pending.exchange(false) &&
            vcpu.traps[x86::nmi].address)
            x86::deliver_exception(vcpu, regs, x86::nmi, {});
        if (!x86::has_event(vcpu) || vcpu.event_callback.address == 0) return;
        x86::deliver_callback(vcpu, regs, vcpu.event_callback);
    }
}
