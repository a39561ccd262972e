// SPDX-License-Identifier: MIT
// The three timers of a vCPU. An expired guest timer is an event (VIRQ_TIMER), so it is not lost while the vCPU waits.
#include "core/time/vcpu_timers.hpp"
#include <algorithm>
#include "core/event/virq.hpp"
#include "core/hal/cpu.hpp"
#include "core/hal/time.hpp"
#include "core/sched/scheduler.hpp"
#include "public/event_channel.hpp"

namespace hv::guest_time {
namespace {
Vcpu& vcpu_of(void* owner) { return *static_cast<Vcpu*>(owner); }

void singleshot_expired(void* owner) { send_virq(vcpu_of(owner), abi::virq::timer); }

void periodic_expired(void* owner) {
    Vcpu& vcpu = vcpu_of(owner);
    send_virq(vcpu, abi::virq::timer);
    u64 const period = __atomic_load_n(&vcpu.periodic_ns, __ATOMIC_RELAXED);
    // A late tick does not make the next ones come in a burst.
    if (period) vcpu.periodic_timer.arm(std::max(vcpu.periodic_timer.deadline + period, hal::now()), hal::this_cpu());
}

void poll_expired(void* owner) { sched::clear_reason(vcpu_of(owner), PauseReason::polling); }

void prepare(Timer& timer, Vcpu& vcpu, Timer::Callback callback) {
    timer.callback = callback;
    timer.owner = &vcpu;
}
}  // namespace

void prepare_timers(Vcpu& vcpu) {
    prepare(vcpu.singleshot_timer, vcpu, singleshot_expired);
    prepare(vcpu.periodic_timer, vcpu, periodic_expired);
    prepare(vcpu.poll_timer, vcpu, poll_expired);
}
}  // namespace hv::guest_time
