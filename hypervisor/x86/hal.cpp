// SPDX-License-Identifier: MIT
// The machine, as core sees it. The state of the current vCPU is in entry/switch.cpp, time in cpu/time.cpp; what is
// only passed on has its definition where the work is done.
#include "base/assert.hpp"
#include "base/lock.hpp"
#include "core/guest_words.hpp"
#include "core/hal/cpu.hpp"
#include "core/hal/memory.hpp"
#include "x86/cpu/apic.hpp"
#include "x86/cpu/features.hpp"
#include "x86/cpu/instructions.hpp"
#include "x86/cpu/this_cpu.hpp"
#include "x86/cpu/time.hpp"
#include "x86/dev/acpi.hpp"
#include "x86/dev/irq.hpp"
#include "x86/mm/paging.hpp"

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

// A string instruction on the guest's memory, which x86/entry/frame.h opens and closes; a fault ends it, and `done`
// stays false. Eight bytes at a time: one by one costs eight times as much where REP is not fast. The caller has made
// sure that the range is the guest's, as the processor would not stop ring 0 at our own pages.
#define REP_IN_GUEST(name)                                              \
    "4: .byte 0x0f, 0x1f, 0x00\n"                                       \
    "1: rep " name                                                      \
    "q\n   movq %[rest], %%rcx\n"                                       \
    "2: rep " name                                                      \
    "b\n"                                                               \
    "5: .byte 0x0f, 0x1f, 0x00\n   movb $1, %[done]\n3:\n"              \
    ".pushsection .extable, \"a\"; .quad 1b, 3b, 2b, 3b; .popsection\n" \
    ".pushsection .patch_sites, \"a\"; .quad 4b, 2, 5b, 3; .popsection"

namespace hv::hal {
namespace {
bool user_copy(void* to, void const* from, usize size) {
    usize words = size / 8;
    bool done = false;
    asm volatile(REP_IN_GUEST("movs")
                 : "+D"(to), "+S"(from), "+c"(words), [done] "+q"(done)
                 : [rest] "r"(size % 8)
                 : "memory");
    return done;
}
}  // namespace

std::byte* const direct_map = reinterpret_cast<std::byte*>(paging::direct_map_base);
Mfn mfn_of(void const* address) {
    return Mfn{(reinterpret_cast<u64>(address) - paging::direct_map_base) >> page_shift};
}
bool copy_from_guest(void* to, u64 from, usize size) {
    return user_copy(to, reinterpret_cast<void const*>(guest_nospec(from)), size);
}
bool copy_to_guest(u64 to, void const* from, usize size) {
    return user_copy(reinterpret_cast<void*>(guest_nospec(to)), from, size);
}
bool clear_guest(u64 to, usize size) {
    u64 at = guest_nospec(to), words = size / 8;
    bool done = false;
    asm volatile(REP_IN_GUEST("stos")
                 : "+D"(at), "+c"(words), [done] "+q"(done)
                 : [rest] "r"(size % 8), "a"(0)
                 : "memory");
    return done;
}
u64 max_address_bits() { return features::found.address_bits; }

CpuId this_cpu() { return hv::this_cpu().id; }
Vcpu& current() { return *hv::this_cpu().current; }
// Whoever has set the bit before has also sent the interrupt, and it has not been answered yet.
void kick(CpuId cpu) {
    u32 before = cpu_block(cpu).pending.fetch_or(PendingWork::reschedule, std::memory_order_acq_rel);
    if (cpu != this_cpu() && !(before & PendingWork::reschedule)) apic::send_ipi(cpu, vector::kick);
}
// Hypercalls run with interrupts off. A device's, or another CPU's that wants this one to flush, would wait for the end
// of a list as long as a guest likes: they come in here.
bool should_preempt() {
    ASSERT(holds_no_lock());
    cpu::let_interrupts_in();
    return hv::this_cpu().pending.load(std::memory_order_relaxed) != 0 || time::deadline_passed();
}

void flush_tlb(CpuMask const& cpus) { x86_tlb::flush(cpus, x86_tlb::everything); }
void flush_tlb_page(CpuMask const& cpus, u64 address) { x86_tlb::flush(cpus, address); }
void flush_tlb_local() { x86_tlb::flush_local(x86_tlb::everything); }
void flush_tlb_page_local(u64 address) { x86_tlb::drop_page(address); }

perf::Counts& perf_counts(CpuId cpu) { return cpu_block(cpu).counts; }

CpuIds cpu_ids(CpuId cpu) {
    u32 apic_id = cpu_block(cpu).apic_id;
    for (acpi::Processor const& processor : acpi::machine.interrupts.processor_list())
        if (processor.apic_id == apic_id) return {.apic_id = apic_id, .acpi_id = processor.acpi_id};
    return {.apic_id = apic_id, .acpi_id = cpu};
}
CpuidLeaf cpuid(u32 leaf, u32 subleaf) { return cpu::cpuid(leaf, subleaf); }
u64 arch_capabilities() { return features::processor().capabilities; }
}  // namespace hv::hal
