// SPDX-License-Identifier: MIT
#include "x86/mm/tlb.hpp"
#include "base/lock.hpp"
#include "core/hal.hpp"
#include "core/mm/tlb_clock.hpp"
#include "x86/cpu/apic.hpp"
#include "x86/cpu/instructions.hpp"
#include "x86/cpu/interrupts.hpp"
#include "x86/cpu/this_cpu.hpp"

namespace hv::x86_tlb {
namespace {
constexpr u64 everything = ~u64{0};

// One request at a time. Its author waits until every other CPU has answered: from the interrupt, or from spin_wait
// where it waits for something itself, with interrupts off.
constinit Spinlock<LockRank::flush> lock;
constinit std::atomic<u64> wanted{everything};
constinit CpuMask waiting_for;

[[gnu::always_inline]] inline void flush_local(u64 address, CpuId self = this_cpu().id) {
    if (address != everything) return cpu::invlpg(address);
    tlb::note_flush(self);
    cpu::write_cr3(cpu::read_cr3());
}

[[gnu::noinline]] void flush_others(CpuMask const& cpus, CpuId self, u64 address) {
    CpuMask others = cpus;
    others.clear(self);
    SpinGuard guard{lock};
    wanted.store(address, std::memory_order_release);
    others.for_each([](u32 cpu) { waiting_for.set(cpu); });
    others.for_each([](u32 cpu) { apic::send_ipi(cpu, vector::tlb); });
    while (!waiting_for.empty()) cpu::pause();
}

[[gnu::always_inline]] inline void flush(CpuMask const& cpus, u64 address) {
    CpuId const self = this_cpu().id;
    if (cpus.test(self)) flush_local(address, self);
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
void flush_tlb_page_local(u64 address) { x86_tlb::flush_local(address); }
}  // namespace hv::hal
