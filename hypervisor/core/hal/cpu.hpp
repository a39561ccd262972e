// SPDX-License-Identifier: MIT
// Processors: which one this is, what it runs, whether it is wanted elsewhere, and what its translation caches hold.
#pragma once
#include "base/bitmap.hpp"
#include "core/hal/cpuid_leaf.hpp"
#include "core/perf.hpp"
#include "portable/base/types.hpp"

namespace hv {
struct Vcpu;
}

namespace hv::hal {
CpuId this_cpu();
Vcpu& current();  // the vCPU that runs (or the idle vCPU of this CPU); never null
u32 online_cpus();
void kick(CpuId cpu);  // makes that CPU look at its pending work soon; no-op for this CPU beyond a flag
// A higher claim is waiting: long operations return "again". Lets interrupts in meanwhile: nobody asks with a lock
// held.
bool should_preempt();
// How much is done between two questions. One costs about as much as a short operation; what is long (promotions,
// demotions) asks by itself.
namespace between_questions {
inline constexpr u32 multicall_entries = 8, mmuext_operations = 4, table_updates = 32, grant_operations = 8;
inline constexpr u32 extents = 8;  // of one frame; larger ones: 1
inline constexpr u32 cleared_frames = 64, frames = 512;
}  // namespace between_questions
// In a loop over frames that cannot stop on its way: it only lets interrupts in.
inline void ask_in_turn(u64 turn) {
    if (turn % between_questions::frames == between_questions::frames - 1) (void)should_preempt();
}
perf::Counts& perf_counts(CpuId cpu);

// --- translation caches; `cpus` are flushed before the call returns
void flush_tlb(CpuMask const& cpus);  // everything that guest entries could have put there
void flush_tlb_page(CpuMask const& cpus, u64 address);
void flush_tlb_local();
void flush_tlb_page_local(u64 address);

// --- what dom0 and guests ask about the machine's own
struct CpuIds {
    u32 apic_id;
    u32 acpi_id;
};
CpuIds cpu_ids(CpuId cpu);
CpuidLeaf cpuid(u32 leaf, u32 subleaf);  // the machine's own
u64 arch_capabilities();                 // the register; 0: there is none
}  // namespace hv::hal
