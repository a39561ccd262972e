// SPDX-License-Identifier: MIT
#include "x86/boot/smp.hpp"
#include <algorithm>
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
#include "x86/boot/handover.hpp"
#include "x86/cpu/apic.hpp"
#include "x86/cpu/features.hpp"
#include "x86/cpu/instructions.hpp"
#include "x86/cpu/segments.hpp"
#include "x86/cpu/speculation.hpp"
#include "x86/cpu/this_cpu.hpp"
#include "x86/cpu/time.hpp"
#include "x86/cpu/xstate.hpp"
#include "x86/dev/acpi.hpp"
#include "x86/mm/paging.hpp"

extern "C" {
extern char const ap_start[], ap_start_end[];  // boot/ap_start.S
constinit std::atomic<hv::u32> ap_call{0};     // 1: a processor is called for; it takes the call by setting 0
constinit hv::u64 ap_root = 0;                 // what the called one runs with
constinit hv::u64 ap_stack = 0;
[[noreturn]] void start_other();
}

namespace hv::smp {
namespace {
constexpr u32 no_call = 0, calling = 1, given_up = 2;
constexpr Time millisecond = 1'000'000;

constinit std::atomic<u32> online{1};
constinit std::atomic<bool> stopped{false};
constinit std::array<std::atomic<bool>, max_cpus> has_stopped{};

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
    auto taken = [] { return ap_call.load(std::memory_order_acquire) == no_call; };
    ap_call.store(calling, std::memory_order_release);
    apic::send_init(apic_id);
    pause_for(10 * millisecond);
    apic::send_start(apic_id, page);
    if (!wait(10 * millisecond, taken)) apic::send_start(apic_id, page);
    if (wait(patience_for_start, taken)) return true;
    u32 expected = calling;
    return !ap_call.compare_exchange_strong(expected, given_up);
}
}  // namespace

void start_others(u32 limit) {
    u8 const page = start_page();
    if (!page) return log::warn("no memory below 64 KiB, where other processors would start");
    __builtin_memcpy(paging::direct_map(Mfn{page}), ap_start, static_cast<usize>(ap_start_end - ap_start));
    ap_root = paging::idle_root();
    for (acpi::Processor const& processor : acpi::processors()) {
        CpuId const cpu = online.load();
        if (cpu == max_cpus || (limit && cpu >= limit)) break;
        if (processor.apic_id == this_cpu().apic_id) continue;
        if (!apic::can_reach(processor.apic_id)) {
            log::warn("the processor with APIC id {} cannot be reached without x2APIC", processor.apic_id);
            continue;
        }
        if (!prepare(cpu)) return log::warn("no memory for more than {} processors", cpu);
        if (!start(processor.apic_id, page))
            log::warn("the processor with APIC id {} does not start", processor.apic_id);
        else
            while (online.load(std::memory_order_acquire) == cpu) time::offer_clock();
    }
}

void stop_others() {
    if (stopped.exchange(true) || online.load() == 1) return;
    // To each that is ours: others, which were not started or came too late, have no IDT of ours to take it by.
    for (CpuId cpu = 0; cpu < online.load(); ++cpu)
        if (cpu != this_cpu().id) apic::send_nmi(cpu);
    (void)wait(patience_for_stop, [] {
        for (CpuId cpu = 0; cpu < online.load(); ++cpu)
            if (cpu != this_cpu().id && !has_stopped[cpu].load(std::memory_order_acquire)) return false;
        return true;
    });
}

void stop_this() {
    has_stopped[this_cpu().id].store(true, std::memory_order_release);
    cpu::halt_for_good();
}

bool stopping() { return stopped.load(std::memory_order_relaxed); }
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
    smp::online.fetch_add(1, std::memory_order_release);
    run_scheduler();
}
