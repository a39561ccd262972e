// SPDX-License-Identifier: MIT
// What a CPU knows of itself, at the very end of its stack: found from the stack pointer alone, since gs is the
// guest's. Below the block lie the registers of the vCPU that runs; interrupts from the guest push into their hardware
// part.
#pragma once
#include <atomic>
#include "base/lock_order.hpp"
#include "core/mm/stale_store.hpp"
#include "core/perf.hpp"
#include "public/vcpu.hpp"
#include "x86/mm/window.hpp"

namespace hv {
struct Vcpu;

// Why a CPU must not return to its guest at once.
struct PendingWork {
    static constexpr u32 timer = 1u << 0;        // the deadline has passed: run_expired_timers
    static constexpr u32 reschedule = 1u << 1;   // the scheduler wants a look
    static constexpr u32 console = 1u << 2;      // someone typed: tell dom0
    static constexpr u32 nmi = 1u << 3;          // one came that nobody had sent for
    static constexpr u32 stale_store = 1u << 4;  // one was tried again: the next at its place may be, too
};

struct alignas(16) CpuBlock {
    Vcpu* current;  // null only until the scheduler starts
    CpuId id;
    std::atomic<u32> pending;  // PendingWork; any CPU may set bits
    u64 deadline_tsc;          // when the timer will fire; ~0 if it is not armed
    u32 apic_id;
    u32 gdt_frames;  // how many of the window's guest pages are in use
    u32 ldt_frames;
    u32 panicking;
    u64 xcr0;     // as loaded
    u64 tsc_aux;  // as loaded
    bool debug_registers_loaded;
    bool lacks_selectors;  // the current vCPU's are in the guest frame, not in the processor (x86/entry/entry.hpp)
    bool has_looked;       // for work, with interrupts off ever since (x86/entry/exit.cpp); in debug builds
    u64 reserved;          // keeps the size a multiple of 16
    StaleStore stale_store;
    perf::Counts counts;
#ifdef PARAVANE_DEBUG
    HeldLocks held_locks;
#endif
};
static_assert(sizeof(CpuBlock) % 16 == 0);

inline CpuBlock& this_cpu() {
    u64 end;
    asm("mov %%rsp, %0" : "=r"(end));
    return *reinterpret_cast<CpuBlock*>((end | window::stack_mask) + 1 - sizeof(CpuBlock));
}

inline void count_event(perf::Event event) {
    if constexpr (perf::counting) ++this_cpu().counts[static_cast<u32>(event)];
}

inline CpuBlock& cpu_block(CpuId cpu) {
    return *reinterpret_cast<CpuBlock*>(window::stack_end(cpu) - sizeof(CpuBlock));
}

// The general registers of the vCPU that was interrupted, complete once the entry path has pushed them.
inline abi::CpuUserRegs& guest_frame(CpuBlock& cpu) { return reinterpret_cast<abi::CpuUserRegs*>(&cpu)[-1]; }
}  // namespace hv
