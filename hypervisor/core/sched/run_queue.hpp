// SPDX-License-Identifier: MIT
// The vCPUs that wait for one CPU, in the order in which they get it. This is the policy: run time is charged to the
// current vCPU in units of its domain's weight, and the vCPU charged least goes first. Everything here needs the lock.
#pragma once
#include "base/lock.hpp"
#include "core/sched/timer.hpp"
#include "core/vcpu.hpp"

namespace hv::sched {
inline constexpr Time slice = 10'000'000;  // the longest a vCPU runs while another one waits

struct RunQueue {
    Spinlock<LockRank::run_queue> lock;
    Vcpu* current = nullptr;  // null until the CPU picks for the first time
    Vcpu* idle = nullptr;
    std::atomic<bool> resched{false};
    std::atomic<bool> pull{false};  // another CPU has vCPUs waiting that are behind the current one here
    std::atomic<u32> waiting{0};    // length of the queue
    std::atomic<u64> floor{0};      // no vCPU that wakes is placed far below this
    Timer slice_timer{};
    Time balanced = 0;  // when this CPU last looked for one that could help

    Vcpu* first() const { return first_; }
    void insert(Vcpu& vcpu);         // by virtual time, behind its equals
    void insert_woken(Vcpu& vcpu);   // the same for one that has slept: it is a slice ahead or behind at most
    void place_on_idle(Vcpu& vcpu);  // before it is inserted: nothing here to compare it with but other queues
    void erase(Vcpu& vcpu);

    void begin_run(Vcpu& vcpu, Time now);  // `vcpu` becomes the current one
    void charge_current(Time now);
    void yield_current();  // behind the first one that waits
    // What the current vCPU, which could go on, may still run before `rival` gets the CPU; 0: now.
    Time remaining_run(Vcpu const& rival, Time now) const;

private:
    void raise_floor(u64 virtual_time);

    Vcpu* first_ = nullptr;
    Time run_started_ = 0;
    Time charged_until_ = 0;
    bool yielded_ = false;
};

// Fits a vCPU's claim to the queue it comes to. All queues count in the same time, so it is kept as it is, unless the
// two have drifted apart, as affinities can force them to: then it is some slices ahead or behind at most.
void carry_over(Vcpu& vcpu, RunQueue& to);

// --- caps: what a domain's vCPUs may run together in each period, in percent of a CPU. What they have run too much is
// owed. True if its domain has nothing left: the vCPU is held until the next period.
bool hold_if_spent(Vcpu& vcpu, Time now);
// `wanted`, or what is left of the domain's budget if that is less.
Time within_cap(Vcpu const& vcpu, Time wanted);
}  // namespace hv::sched
