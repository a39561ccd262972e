// SPDX-License-Identifier: MIT
#include <array>
#include <atomic>
#include "base/lock.hpp"
#include "base/log.hpp"
#include "core/hal/cpu.hpp"
#include "core/hal/memory.hpp"
#include "core/hal/time.hpp"
#include "core/mm/heap.hpp"
#include "core/sched/scheduler.hpp"
#include "core/time/guest_time.hpp"
#include "x86/cpu/apic.hpp"
#include "x86/cpu/features.hpp"
#include "x86/cpu/instructions.hpp"
#include "x86/cpu/this_cpu.hpp"
#include "x86/cpu/time.hpp"
#include "x86/dev/acpi.hpp"
#include "x86/entry/entry.hpp"
#include "x86/mm/paging.hpp"
#include "x86/mm/window.hpp"
#include "x86/panic.hpp"

extern "C" {
extern char const ap_start[], ap_start_end[];  // boot/boot.S
constinit std::atomic<hv::u32> ap_call{0};     // calling: a processor is called for; it takes the call by setting taken
constinit hv::u64 ap_root = 0;                 // what the called one runs with
constinit hv::u64 ap_stack = 0;
[[noreturn]] void start_other();
}

namespace hv::smp {
namespace {
constexpr u32 taken = 0, calling = 1, given_up = 2, arrived = 3;
constexpr Time millisecond = 1'000'000;

constinit std::atomic<u32> online{1};
constexpr CpuId nobody = max_cpus;
constinit std::atomic<CpuId> stopper{nobody};  // who has stopped all others
constinit std::array<std::atomic<bool>, max_cpus> has_stopped{};

// Of the boot CPU and the called one, the first decides how the call goes on.
bool leave(u32 state, u32 next) { return ap_call.compare_exchange_strong(state, next, std::memory_order_acq_rel); }

template <class F>
bool wait(Time limit, F&& condition) {
    Time const end = hal::now() + limit;
    while (!condition()) {
        if (hal::now() > end) return condition();
        spin_wait();
    }
    return true;
}

void pause_for(Time time) {
    (void)wait(time, [] { return false; });
}

// A page of RAM below 64 KiB, which boot_memory keeps for this; 0 if there is none.
u8 start_page() {
    for (u8 page = 15; page > 0; --page)
        for (abi::E820Entry const& range : hal::machine_memory_map())
            if (range.type == abi::e820::ram && range.addr <= page * page_size &&
                (page + 1) * page_size <= range.addr + range.size)
                return page;
    return 0;
}

// The window and block of a CPU that does not run yet; those of one that did not answer serve the next.
bool prepare(CpuId cpu) {
    static constinit CpuId prepared = 0;
    if (cpu > prepared) {
        std::byte* const stack = alloc_heap(order_of_bytes(window::main_stack_pages * page_size));
        if (!stack) return false;
        window::create(cpu, hal::mfn_of(stack));
        sched::start_cpu(cpu);
        guest_time::start(cpu);
        prepared = cpu;
    }
    CpuBlock& block = cpu_block(cpu);
    block.id = cpu;
    block.deadline_tsc = ~u64{0};
    block.current = &sched::idle_vcpu(cpu);
    ap_stack = reinterpret_cast<u64>(&block);
    return true;
}

// Where the machine is a virtual one on a busy host, a processor may be kept from answering for long. One that is there
// answers at once otherwise, so that nobody waits for nothing.
constexpr Time patience_for_start = 30'000 * millisecond, patience_for_stop = 5'000 * millisecond;

// INIT, and two start-ups should the first be lost (SDM volume 3, 9.4.4.1).
bool start(u32 apic_id, u8 page) {
    auto answered = [] { return ap_call.load(std::memory_order_acquire) != calling; };
    ap_call.store(calling, std::memory_order_release);
    apic::send_init(apic_id);
    pause_for(10 * millisecond);
    apic::send_start(apic_id, page);
    if (!wait(10 * millisecond, answered)) apic::send_start(apic_id, page);
    if (wait(patience_for_start, answered)) return true;
    return !leave(calling, given_up);
}

// One that has taken its call is on its way: its clock is set meanwhile. False: it is given up, and stays in a halt
// should it come later.
bool wait_for_arrival() {
    Time const end = hal::now() + patience_for_start;
    while (ap_call.load(std::memory_order_acquire) == taken && hal::now() < end) time::offer_clock();
    return !leave(taken, given_up);
}
}  // namespace

void start_others(u32 limit) {
    u8 const page = start_page();
    if (!page) return log::warn("no memory below 64 KiB, where other processors would start");
    __builtin_memcpy(paging::direct_map(Mfn{page}), ap_start, static_cast<usize>(ap_start_end - ap_start));
    ap_root = paging::idle_root();
    for (acpi::Processor const& processor : acpi::machine.interrupts.processor_list()) {
        CpuId const cpu = online.load();
        if (cpu == max_cpus || (limit && cpu >= limit)) break;
        if (processor.apic_id == this_cpu().apic_id) continue;
        if (!apic::can_reach(processor.apic_id)) {
            log::warn("the processor with APIC id {} cannot be reached without x2APIC", processor.apic_id);
            continue;
        }
        if (!prepare(cpu)) return log::warn("no memory for more than {} processors", cpu);
        if (!start(processor.apic_id, page)) {
            log::warn("the processor with APIC id {} does not start", processor.apic_id);
            continue;
        }
        // It has its stack, and may ask for the clock: no other one can have these.
        if (!wait_for_arrival())
            return log::warn("the processor with APIC id {} was lost on its way: no others are started",
                             processor.apic_id);
        online.store(cpu + 1, std::memory_order_release);
    }
}

void stop_others() {
    CpuId const self = online.load() == 1 ? 0 : this_cpu().id;
    CpuId first = nobody;
    if (!stopper.compare_exchange_strong(first, self)) {
        if (first != self) stop_this();  // it is at the end of the machine already
        return;
    }
    // To each that is ours: others, which were not started or came too late, have no IDT of ours to take it by.
    for (CpuId cpu = 0; cpu < online.load(); ++cpu)
        if (cpu != self) apic::send_nmi(cpu);
    (void)wait(patience_for_stop, [=] {
        for (CpuId cpu = 0; cpu < online.load(); ++cpu)
            if (cpu != self && !has_stopped[cpu].load(std::memory_order_acquire)) return false;
        return true;
    });
    log::be_alone(true);  // one that was stopped, or what panics here, may have had its lock
}

void stop_this() {
    has_stopped[this_cpu().id].store(true, std::memory_order_release);
    cpu::halt_for_good();
}

bool must_stop() {
    CpuId const by = stopper.load(std::memory_order_relaxed);
    return by != nobody && by != this_cpu().id;
}
}  // namespace hv::smp

hv::u32 hv::hal::online_cpus() { return smp::online.load(std::memory_order_relaxed); }

// On its own stack, at the CPU's block.
void start_other() {
    using namespace hv;
    CpuBlock& cpu = this_cpu();
    features::init_cpu();
    speculation::init_cpu();
    segments::load(cpu.id);
    apic::init_cpu();
    features::make_lfence_serialize();
    xstate::init_cpu();
    time::follow_clock();
    if (!smp::leave(smp::taken, smp::arrived)) cpu::halt_for_good();
    while (smp::online.load(std::memory_order_acquire) <= cpu.id) spin_wait();
    run_scheduler();
}
