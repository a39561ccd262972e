// SPDX-License-Identifier: MIT
// A clock that ticks with every full TLB flush of a CPU. A frame is stamped when a use of it ends; a CPU that has
// flushed since then holds no stale entry for it. So a frame that changes its type or its owner costs a remote flush
// only on CPUs that may really be stale.
#pragma once
#include <array>
#include <atomic>
#include "base/bitmap.hpp"

namespace hv::tlb {
extern constinit std::atomic<u64> clock;
extern constinit std::array<std::atomic<u64>, max_cpus> last_flush;

// x86 calls this with every full flush of `cpu` (CR3 write), before the flush.
inline void note_flush(CpuId cpu) {
    last_flush[cpu].store(clock.fetch_add(1, std::memory_order_acq_rel) + 1, std::memory_order_release);
}

// With no guest's tables loaded a CPU remembers nothing of them, until its next flush.
inline void note_idle(CpuId cpu) { last_flush[cpu].store(~u64{0}, std::memory_order_release); }

// What to write into PageInfo::stamp now.
inline u32 stamp_now() { return static_cast<u32>(clock.load(std::memory_order_acquire)); }

// Flushes those of `cpus` that have not flushed since `stamp`. True if there were any.
bool flush_stale(u32 stamp, CpuMask const& cpus);
bool flush_stale_everywhere(u32 stamp);
}  // namespace hv::tlb
