// SPDX-License-Identifier: MIT
// Spinlocks. The hypervisor runs with interrupts off, so a lock needs no interrupt state. A lock's rank is its place in
// the order in which a CPU may take locks: debug builds check each one. Locked<T> makes the value reachable only while
// its lock is held.
#pragma once
#include <atomic>
#include "base/lock_order.hpp"

namespace hv {
// One round of any wait for another CPU: does what others may want of this CPU meanwhile, so that two that wait cannot
// wait for each other.
#if __STDC_HOSTED__
void spin_wait();
#else
// It keeps all registers, so that code need not save any for a wait that hardly ever happens.
extern "C" [[gnu::no_caller_saved_registers]] void spin_wait_keeping_registers();
[[gnu::always_inline]] inline void spin_wait() {
    asm volatile("call spin_wait_keeping_registers" : : : "memory", "cc");
}
#endif

template <LockRank rank>
class Spinlock {  // ticket lock: fair, one word
public:
    constexpr Spinlock() = default;
    Spinlock(Spinlock const&) = delete;

    // Two locks of a rank are taken only with a place each, from 1 on, the lower one first.
    void lock(u32 place = 0) {
        note_lock(rank, place);
        u16 ticket = next_.fetch_add(1, std::memory_order_relaxed);
        while (serving_.load(std::memory_order_acquire) != ticket) spin_wait();
    }
    void unlock() {
        serving_.store(static_cast<u16>(serving_.load(std::memory_order_relaxed) + 1), std::memory_order_release);
        note_unlock(rank);
    }

private:
    std::atomic<u16> next_{0};
    std::atomic<u16> serving_{0};
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

template <class T, LockRank rank>
class Locked {
public:
    class [[nodiscard]] Guard {
    public:
        explicit Guard(Locked& owner) : guard_{owner.lock_}, value_{&owner.value_} {}
        T* operator->() const { return value_; }
        T& operator*() const { return *value_; }

    private:
        SpinGuard<rank> guard_;
        T* value_;
    };

    constexpr Locked() = default;
    Guard lock() { return Guard{*this}; }

private:
    Spinlock<rank> lock_;
    T value_{};
};
}  // namespace hv
