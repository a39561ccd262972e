// SPDX-License-Identifier: MIT
// Spinlocks. The hypervisor runs with interrupts off, so a lock needs no interrupt state.
// Locked<T> makes the value reachable only while its lock is held.
#pragma once
#include <atomic>
#include "base/types.hpp"

namespace hv {
// One round of any wait for another CPU: does what others may want of this CPU meanwhile, so that two that wait cannot
// wait for each other.
void spin_wait();

class Spinlock {  // ticket lock: fair, one word
public:
    constexpr Spinlock() = default;
    Spinlock(Spinlock const&) = delete;

    void lock() {
        u16 ticket = next_.fetch_add(1, std::memory_order_relaxed);
        while (serving_.load(std::memory_order_acquire) != ticket) spin_wait();
    }
    void unlock() {
        serving_.store(static_cast<u16>(serving_.load(std::memory_order_relaxed) + 1), std::memory_order_release);
    }

private:
    std::atomic<u16> next_{0};
    std::atomic<u16> serving_{0};
};

class [[nodiscard]] SpinGuard {
public:
    explicit SpinGuard(Spinlock& lock) : lock_{lock} { lock_.lock(); }
    SpinGuard(SpinGuard const&) = delete;
    ~SpinGuard() { lock_.unlock(); }

private:
    Spinlock& lock_;
};

template <class T>
class Locked {
public:
    class [[nodiscard]] Guard {
    public:
        explicit Guard(Locked& owner) : guard_{owner.lock_}, value_{&owner.value_} {}
        T* operator->() const { return value_; }
        T& operator*() const { return *value_; }

    private:
        SpinGuard guard_;
        T* value_;
    };

    constexpr Locked() = default;
    Guard lock() { return Guard{*this}; }

private:
    Spinlock lock_;
    T value_{};
};
}  // namespace hv
