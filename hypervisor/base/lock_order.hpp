// SPDX-License-Identifier: MIT
// The order of locks, and in debug builds the proof that it is kept: each CPU remembers which ones it holds.
#pragma once
#include <array>
#include "portable/base/types.hpp"

namespace hv {
// Outermost first: a CPU that holds one may take those that follow, never one before it (docs/locking.md).
enum class LockRank : u8 {
    shutdown,
    event_table,
    grant_table,
    maptrack,
    channel,
    event_queue,
    wall_clock,
    page_list,
    device_interrupts,
    msi_tables,
    io_ranges,
    spare_domains,
    page_allocator,
    run_queue,
    timer_queue,
    ioapic,
    pci_ports,
    console_input,
    flush,
    log,
    console_output,
};

#ifdef PARAVANE_DEBUG
class HeldLocks {
public:
    void take(LockRank rank, u32 place);
    void give_back(LockRank rank);
    bool none() const { return count_ == 0; }

private:
    struct Held {
        LockRank rank;
        u32 place;
    };
    std::array<Held, 10> held_;  // in order, so the last one is the innermost
    u32 count_;
};

HeldLocks& held_locks();  // this CPU's, all zero at first; defined by x86 and by the hosted world

inline void note_lock(LockRank rank, u32 place) { held_locks().take(rank, place); }
inline void note_unlock(LockRank rank) { held_locks().give_back(rank); }
inline bool holds_no_lock() { return held_locks().none(); }
#else
inline void note_lock(LockRank, u32) {}
inline void note_unlock(LockRank) {}
inline bool holds_no_lock() { return true; }
#endif
}  // namespace hv
