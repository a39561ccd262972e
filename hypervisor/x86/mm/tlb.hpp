// SPDX-License-Identifier: MIT
// Flushing what CPUs remember of page tables. Entries are never global, so loading CR3 drops everything.
#pragma once
#include "core/mm/held_root.hpp"
#include "core/mm/tlb_clock.hpp"
#include "x86/cpu/instructions.hpp"
#include "x86/cpu/this_cpu.hpp"
#include "x86/mm/paging.hpp"

namespace hv::x86_tlb {
// This CPU's part of what another one asked for: from the interrupt, and while waiting with interrupts off.
void answer();

inline void load_root(u64 root) {
    tlb::note_flush(this_cpu().id);
    count_event(perf::Event::cr3_write);
    cpu::write_cr3(root);
}
// Without a root nothing of a guest's is there: the vCPU faults at once.
inline void load_root(HeldRoot const& root) { load_root(root ? root.cr3_or(0) : paging::idle_root()); }
inline void drop_page(u64 address) {
    count_event(perf::Event::page_flush);
    cpu::invlpg(address);
}
}  // namespace hv::x86_tlb
