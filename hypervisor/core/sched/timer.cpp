// SPDX-License-Identifier: MIT
#include "core/sched/timer.hpp"
#include <array>
#include <memory>
#include "base/lock.hpp"
#include "core/hal/cpu.hpp"
#include "core/hal/time.hpp"
#include "core/sched/scheduler.hpp"

namespace hv {
namespace {
constexpr Time never = ~Time{0};

struct TimerQueue {
    Spinlock<LockRank::timer_queue> lock;
    Timer* first = nullptr;
    Time programmed = never;                    // in hardware
    std::atomic<Timer*> running{nullptr};       // its callback runs
    std::atomic<bool> changed_remotely{false};  // the deadline in hardware is too late

    void insert(Timer& timer);
    void remove(Timer& timer);
    void program() { hal::set_deadline(programmed = first ? first->deadline : never); }
    bool fires_too_late() const { return first && first->deadline < programmed; }
};

constinit std::array<TimerQueue, max_cpus> queues{};

void TimerQueue::insert(Timer& timer) {
    Timer* before = nullptr;
    Timer* after = first;
    while (after && after->deadline <= timer.deadline) {
        before = after;
        after = after->next;
    }
    timer.prev = before;
    timer.next = after;
    (before ? before->next : first) = &timer;
    if (after) after->prev = &timer;
    timer.armed = true;
}

void TimerQueue::remove(Timer& timer) {
    (timer.prev ? timer.prev->next : first) = timer.next;
    if (timer.next) timer.next->prev = timer.prev;
    timer.next = timer.prev = nullptr;
    timer.armed = false;
}

bool runs_on_another_cpu(Timer const& timer) {
    for (CpuId cpu = 0; cpu < hal::online_cpus(); ++cpu)
        if (cpu != hal::this_cpu() && queues[cpu].running.load(std::memory_order_acquire) == &timer) return true;
    return false;
}
}  // namespace

void Timer::arm(Time when, CpuId on) {
    for (;;) {
        CpuId const at = cpu.load(std::memory_order_acquire);
        TimerQueue& queue = queues[at];
        SpinGuard guard{queue.lock};
        if (cpu.load(std::memory_order_acquire) != at) continue;  // moved before we had the lock
        if (armed) queue.remove(*this);
        if (at != on) {
            cpu.store(on, std::memory_order_release);
            continue;
        }
        deadline = when;
        queue.insert(*this);
        // Each switch of vCPUs moves a timer to a later time. To fire once with nothing to do is cheaper than to
        // program the hardware each time, which in a virtual machine is a way out of it.
        if (!queue.fires_too_late()) return;
        if (on == hal::this_cpu()) {
            queue.program();
            return;
        }
        queue.changed_remotely.store(true, std::memory_order_release);
        break;
    }
    sched::request_resched(on);
}

void Timer::disarm() {
    for (;;) {
        CpuId const at = cpu.load(std::memory_order_acquire);
        TimerQueue& queue = queues[at];
        SpinGuard guard{queue.lock};
        if (cpu.load(std::memory_order_acquire) != at) continue;
        if (armed) queue.remove(*this);
        return;
    }
}

// A callback may arm its timer again and run once more at once. So both are looked at under the lock without which it
// can do neither: it is not armed, and runs nowhere.
void Timer::end() {
    for (;; spin_wait()) {
        CpuId const at = cpu.load(std::memory_order_acquire);
        TimerQueue& queue = queues[at];
        SpinGuard guard{queue.lock};
        if (cpu.load(std::memory_order_acquire) != at) continue;
        if (armed) queue.remove(*this);
        if (!runs_on_another_cpu(*this)) return;
    }
}

void start_timers(CpuId cpu) {
    std::destroy_at(&queues[cpu]);
    std::construct_at(&queues[cpu]);
}

// No more than some at a time: for the rest the hardware's timer fires at once, and other interrupts come in before it.
void run_expired_timers() {
    constexpr u32 most = 32;
    TimerQueue& queue = queues[hal::this_cpu()];
    queue.changed_remotely.store(false, std::memory_order_relaxed);
    Time const now = hal::now();  // read once: callbacks that arm again cannot keep us here
    queue.lock.lock();
    for (u32 done = 0; done < most && queue.first && queue.first->deadline <= now; ++done) {
        Timer& timer = *queue.first;
        queue.remove(timer);
        Timer::Callback const callback = timer.callback;
        void* const owner = timer.owner;
        queue.running.store(&timer, std::memory_order_relaxed);
        queue.lock.unlock();
        callback(owner);
        queue.running.store(nullptr, std::memory_order_release);
        queue.lock.lock();
    }
    queue.program();
    queue.lock.unlock();
}

void follow_remote_timers() {
    TimerQueue& queue = queues[hal::this_cpu()];
    if (!queue.changed_remotely.load(std::memory_order_relaxed)) return;
    if (!queue.changed_remotely.exchange(false, std::memory_order_acquire)) return;
    SpinGuard guard{queue.lock};
    if (queue.fires_too_late()) queue.program();
}
}  // namespace hv
