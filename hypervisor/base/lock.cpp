// SPDX-License-Identifier: MIT
#include "base/lock.hpp"

namespace hv {
namespace {
constexpr u32 long_wait = 100'000;  // rounds: some milliseconds, far more than any lock is held

void wait(LockWord& word) {
    bool is_next = false;
    for (u32 round = 0;; ++round) {
        spin_wait();
        if (round >= long_wait && !is_next && !word.urgent.load(std::memory_order_relaxed))
            is_next = !word.urgent.exchange(true, std::memory_order_relaxed);
        if (word.held.load(std::memory_order_relaxed)) continue;
        if (is_next ? !word.held.exchange(true, std::memory_order_acquire) : word.try_take()) break;
    }
    if (is_next) word.urgent.store(false, std::memory_order_relaxed);
}
}  // namespace
}  // namespace hv

#if __STDC_HOSTED__
void hv::wait_for_lock(LockWord& word) { wait(word); }
#else
void hv::wait_for_lock_keeping_registers(LockWord& word) { wait(word); }
#endif
