// SPDX-License-Identifier: MIT
// Spinlocks. The hypervisor runs with interrupts off, so a lock needs no interrupt state. A lock's rank is its place in
// the order in which a CPU may take locks: debug builds check each one.
#pragma once
#include <algorithm>
#include <atomic>
#include <optional>
#include "base/lock_order.hpp"

namespace hv {
// Whoever finds it free takes it. To serve those who wait in turn would be fairer, and is no good where the CPUs are a
// virtual machine's: whenever the next in turn is not being run, nobody has the lock and all wait. Only one that has
// waited for long is let through first.
struct LockWord {
    std::atomic<bool> held{false};
    std::atomic<bool> urgent{false};  // somebody has waited for long: nobody else may take it

    bool try_take() {
        return !urgent.load(std::memory_order_relaxed) && !held.exchange(true, std::memory_order_acquire);
    }
};

// spin_wait is one round of any wait for another CPU: it does what others may want of this CPU meanwhile, so that two
// that wait cannot wait for each other. wait_for_lock takes the lock.
#if __STDC_HOSTED__
void spin_wait();
void wait_for_lock(LockWord& word);
#else
// They keep all registers, so that code need not save any for a wait that hardly ever happens.
extern "C" [[gnu::no_caller_saved_registers]] void spin_wait_keeping_registers();
extern "C" [[gnu::no_caller_saved_registers]] void wait_for_lock_keeping_registers(LockWord& word);
[[gnu::always_inline]] inline void spin_wait() {
    asm volatile("call spin_wait_keeping_registers" : : : "memory", "cc");
}
[[gnu::always_inline]] inline void wait_for_lock(LockWord& word) {
    asm volatile("call wait_for_lock_keeping_registers" : : "D"(&word) : "memory", "cc");
}
#endif

template <LockRank rank>
class Spinlock {
public:
    constexpr Spinlock() = default;
    Spinlock(Spinlock const&) = delete;

    // Two locks of a rank are taken only with a place each, from 1 on, the lower one first.
    void lock(u32 place = 0) {
        note_lock(rank, place);
        if (!word_.try_take()) [[unlikely]]
            wait_for_lock(word_);
    }
    void unlock() {
        word_.held.store(false, std::memory_order_release);
        note_unlock(rank);
    }

private:
    LockWord word_;
};

template <LockRank rank>
class [[nodiscard]] SpinGuard {
public:
    explicit SpinGuard(Spinlock<rank>& lock, u32 place = 0) : lock_{lock} { lock_.lock(place); }
    SpinGuard(SpinGuard const&) = delete;
    ~SpinGuard() { lock_.unlock(); }

private:
    Spinlock<rank>& lock_;
};

// Two locks of a rank, or one that is both, by their places.
template <LockRank rank>
class [[nodiscard]] BothGuard {
public:
    BothGuard(Spinlock<rank>& a, u32 place_a, Spinlock<rank>& b, u32 place_b)
        : first_{place_a < place_b ? a : b, std::min(place_a, place_b)} {
        if (place_a != place_b) second_.emplace(place_a < place_b ? b : a, std::max(place_a, place_b));
    }

private:
    SpinGuard<rank> first_;
    std::optional<SpinGuard<rank>> second_;
};
}  // namespace hv
