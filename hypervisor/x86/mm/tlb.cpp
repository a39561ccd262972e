// SPDX-License-Identifier: MIT
#include "x86/mm/tlb.hpp"
#include "base/lock.hpp"
#include "core/hal/cpu.hpp"
#include "x86/cpu/apic.hpp"
#include "x86/dev/irq.hpp"

namespace hv::x86_tlb {
namespace {
constexpr u64 everything = ~u64{0};

// One request at a time. Its author waits until every other CPU has answered: from the interrupt, or from spin_wait
// where it waits for something itself, with interrupts off.
constinit Spinlock<LockRank::flush> lock;
constinit std::atomic<u64> wanted{everything};
constinit CpuMask waiting_for;

[[gnu::always_inline]] inline void flush_local(u64 address) {
    if (address != everything) return drop_page(address);
    count_event(perf::Event::full_flush);
    load_root(cpu::read_cr3());
}

[[gnu::noinline]] void flush_others(CpuMask const& cpus, CpuId self, u64 address) {
    CpuMask others = cpus;
    others.clear(self);
    SpinGuard guard{lock};
    wanted.store(address, std::memory_order_release);
    others.for_each([](u32 cpu) { waiting_for.set(cpu); });
    others.for_each([](u32 cpu) {
        count_event(perf::Event::flush_ipi);
        apic::send_ipi(cpu, vector::tlb);
    });
    while (!waiting_for.empty()) cpu::pause();
}

[[gnu::always_inline]] inline void flush(CpuMask const& cpus, u64 address) {
    CpuId const self = this_cpu().id;
    if (cpus.test(self)) flush_local(address);
    if (cpus.has_others(self)) [[unlikely]]
        flush_others(cpus, self, address);
}
}  // namespace

void answer() {
    CpuId cpu = this_cpu().id;
    if (!waiting_for.test(cpu)) return;
    flush_local(wanted.load(std::memory_order_acquire));
    waiting_for.clear(cpu);
}
}  // namespace hv::x86_tlb

#ifdef PARAVANE_DEBUG
hv::HeldLocks& hv::held_locks() { return this_cpu().held_locks; }
#endif

void hv::spin_wait_keeping_registers() {
    x86_tlb::answer();
    cpu::pause();
}

namespace hv::hal {
void flush_tlb(CpuMask const& cpus) { x86_tlb::flush(cpus, x86_tlb::everything); }
void flush_tlb_page(CpuMask const& cpus, u64 address) { x86_tlb::flush(cpus, address); }
void flush_tlb_local() { x86_tlb::flush_local(x86_tlb::everything); }
void flush_tlb_page_local(u64 address) { x86_tlb::drop_page(address); }
}  // namespace hv::hal
