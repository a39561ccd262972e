// SPDX-License-Identifier: MIT
#include "core/sched/run_queue.hpp"
#include <algorithm>
#include "core/domain.hpp"
#include "core/hal/cpu.hpp"
#include "core/hal/time.hpp"
#include "core/sched/scheduler.hpp"

namespace hv::sched {
namespace {
constexpr u32 neutral_weight = 256;
constinit std::atomic<u64> contended_floor{0};  // of the queue that came furthest while someone waited there

u64 charge_for(Vcpu const& vcpu, Time ran) {
    return ran * neutral_weight / std::max<u32>(vcpu.domain->scheduler_weight, 1);
}
}  // namespace

void RunQueue::insert(Vcpu& vcpu) {
    Vcpu* before = nullptr;
    Vcpu* after = first_;
    while (after && after->virtual_time <= vcpu.virtual_time) {
        before = after;
        after = after->queue_next;
    }
    vcpu.queue_prev = before;
    vcpu.queue_next = after;
    (before ? before->queue_next : first_) = &vcpu;
    if (after) after->queue_prev = &vcpu;
    vcpu.queued = true;
    waiting.fetch_add(1, std::memory_order_relaxed);
}

// One that is far ahead has not taken it from those here: it ran while nobody else wanted the CPU.
void RunQueue::insert_woken(Vcpu& vcpu) {
    u64 const lowest = floor.load(std::memory_order_relaxed);
    u64 const most = lowest + charge_for(vcpu, slice);
    vcpu.virtual_time = std::clamp(vcpu.virtual_time, lowest > slice ? lowest - slice : 0, most);
    insert(vcpu);
}

void RunQueue::place_on_idle(Vcpu& vcpu) {
    u64 const lowest = contended_floor.load(std::memory_order_relaxed);
    vcpu.virtual_time = std::max(vcpu.virtual_time, lowest > slice ? lowest - slice : 0);
    floor.store(vcpu.virtual_time, std::memory_order_relaxed);
}

void RunQueue::erase(Vcpu& vcpu) {
    (vcpu.queue_prev ? vcpu.queue_prev->queue_next : first_) = vcpu.queue_next;
    if (vcpu.queue_next) vcpu.queue_next->queue_prev = vcpu.queue_prev;
    vcpu.queue_next = vcpu.queue_prev = nullptr;
    vcpu.queued = false;
    waiting.fetch_sub(1, std::memory_order_relaxed);
}

void RunQueue::begin_run(Vcpu& vcpu, Time now) {
    current = &vcpu;
    run_started_ = charged_until_ = now;
    yielded_ = false;
    if (vcpu.is_idle()) return;
    raise_floor(vcpu.virtual_time);
    if (first_ && vcpu.virtual_time > contended_floor.load(std::memory_order_relaxed))
        contended_floor.store(vcpu.virtual_time, std::memory_order_relaxed);
}

void RunQueue::raise_floor(u64 virtual_time) {
    if (virtual_time > floor.load(std::memory_order_relaxed)) floor.store(virtual_time, std::memory_order_relaxed);
}

void RunQueue::charge_current(Time now) {
    if (!current || now <= charged_until_) return;  // the clocks of two CPUs may differ by a little
    Time const ran = now - charged_until_;
    charged_until_ = now;
    if (current->is_idle()) return;
    if (current->domain->scheduler_cap) current->domain->cap_budget.fetch_sub(static_cast<i64>(ran));
    current->virtual_time += charge_for(*current, ran);
    raise_floor(first_ ? std::min(current->virtual_time, first_->virtual_time) : current->virtual_time);
}

void RunQueue::yield_current() {
    current->virtual_time = std::max(current->virtual_time, first_->virtual_time);
    yielded_ = true;
}

Time RunQueue::remaining_run(Vcpu const& rival, Time now) const {
    if (yielded_) return 0;
    Time const ran = now > run_started_ ? now - run_started_ : 0;
    Time const least = shortest_run.load(std::memory_order_relaxed);
    Time const limit = rival.virtual_time < current->virtual_time ? least : std::max(least, slice);
    return ran < limit ? limit - ran : 0;
}

void carry_over(Vcpu& vcpu, RunQueue& to) {
    u64 const most = charge_for(vcpu, 5 * slice);
    u64 const floor = to.floor.load(std::memory_order_relaxed);
    vcpu.virtual_time = std::clamp(vcpu.virtual_time, floor > most ? floor - most : 0, floor + most);
}

namespace {
constexpr Time cap_period = 10'000'000;
constexpr Time shortest_in_cap = 50'000;  // to run for less costs more than it gives

// Runs from the first time that a vCPU is held until a period in which nothing was used.
void next_period(void* owner) {
    Domain& domain = *static_cast<Domain*>(owner);
    for (Vcpu* vcpu : domain.vcpus)  // what is unused now is lost: first see what is
        if (vcpu) charge(*vcpu);
    i64 const quota = static_cast<i64>(cap_period * domain.scheduler_cap / 100);
    i64 const before = domain.cap_budget.load();
    if (domain.scheduler_cap == 0 || before >= quota) {
        domain.cap_is_timed.store(false);  // who was held before this relies on it still, whatever the budget is now
    } else {
        domain.cap_budget.fetch_add(std::min(quota, quota - before));
        domain.cap_timer.arm(std::max(domain.cap_timer.deadline + cap_period, hal::now()), hal::this_cpu());
        if (domain.cap_budget.load() <= 0) return;
    }
    for (Vcpu* vcpu : domain.vcpus)
        if (vcpu) clear_reason(*vcpu, PauseReason::capped);
}
}  // namespace

bool hold_if_spent(Vcpu& vcpu, Time now) {
    Domain& domain = *vcpu.domain;
    if (domain.scheduler_cap == 0 || domain.cap_budget.load(std::memory_order_relaxed) > 0) [[likely]]
        return false;
    vcpu.pause_reasons.fetch_or(PauseReason::capped, std::memory_order_seq_cst);
    if (!domain.cap_is_timed.exchange(true)) {
        domain.cap_timer.calls(next_period, &domain);
        domain.cap_timer.arm(now + cap_period, hal::this_cpu());
    }
    return true;
}

Time within_cap(Vcpu const& vcpu, Time wanted) {
    if (vcpu.domain->scheduler_cap == 0) [[likely]]
        return wanted;
    i64 const left = vcpu.domain->cap_budget.load(std::memory_order_relaxed);
    return std::min(wanted, std::max(shortest_in_cap, left > 0 ? static_cast<Time>(left) : 0));
}
}  // namespace hv::sched
