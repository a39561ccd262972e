// SPDX-License-Identifier: MIT
#include "core/sched/cap.hpp"
#include <algorithm>
#include "core/hal/cpu.hpp"
#include "core/hal/time.hpp"
#include "core/sched/scheduler.hpp"

namespace hv::sched {
namespace {
constexpr Time period = 10'000'000;
constexpr Time shortest = 50'000;  // to run for less costs more than it gives

// Runs from the first time that a vCPU is held until a period in which nothing was used.
void next_period(void* owner) {
    Domain& domain = *static_cast<Domain*>(owner);
    for (Vcpu* vcpu : domain.vcpus)  // what is unused now is lost: first see what is
        if (vcpu) charge(*vcpu);
    i64 const quota = static_cast<i64>(period * domain.scheduler_cap / 100);
    i64 const before = domain.cap_budget.load();
    if (domain.scheduler_cap == 0 || before >= quota) {
        domain.cap_is_timed.store(false);  // who was held before this relies on it still, whatever the budget is now
    } else {
        domain.cap_budget.fetch_add(std::min(quota, quota - before));
        domain.cap_timer.arm(std::max(domain.cap_timer.deadline + period, hal::now()), hal::this_cpu());
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
        domain.cap_timer.arm(now + period, hal::this_cpu());
    }
    return true;
}

Time within_cap(Vcpu const& vcpu, Time wanted) {
    if (vcpu.domain->scheduler_cap == 0) [[likely]]
        return wanted;
    i64 const left = vcpu.domain->cap_budget.load(std::memory_order_relaxed);
    return std::min(wanted, std::max(shortest, left > 0 ? static_cast<Time>(left) : 0));
}
}  // namespace hv::sched
