// SPDX-License-Identifier: MIT
// Time and the timers of a vCPU.
#include <algorithm>

#include "check.hpp"
#include "runtime/event.hpp"
#include "runtime/time.hpp"

namespace selftest {
namespace {
namespace event = guest::event;
namespace time = guest::time;

constexpr u64 patience = 60 * time::second;  // with what has to come

i64 set_singleshot(u64 deadline, u32 flags, u32 vcpu = 0) {
    abi::VcpuSetSingleshotTimer timer{.timeout_abs_ns = deadline, .flags = flags, .pad = 0};
    return guest::vcpu_op(abi::vcpuop::set_singleshot_timer, vcpu, &timer);
}

void test_clock() {
    u64 last = time::now();
    bool monotonic = true;
    for (int i = 0; i < 10000; ++i) {
        u64 now = time::now();
        monotonic = monotonic && now >= last;
        last = now;
    }
    check(monotonic, "time does not run backwards");
    check(last > 0, "and has begun");
    check(guest::shared_info().wc_sec > 1500000000, "the wall clock is set");
    equal(guest::shared_info().wc_version & 1, 0, "and complete");
    u64 shortest = ~u64{0};
    for (int i = 0; i < 20 && shortest >= 2 * time::second; ++i) {  // the machine itself may stand still for a while
        u64 before = time::now();
        time::sleep_until(before + 30 * time::millisecond);
        shortest = std::min(shortest, time::now() - before);
    }
    check(shortest >= 30 * time::millisecond && shortest < 2 * time::second, "a sleep of 30 ms");
}

// A timer is taken back before its time, which may be long past if the machine stood still: then once more, later.
template <class Set, class Stop>
void test_stopped(guest::EvtchnPort port, Set set, std::string_view set_what, Stop stop, std::string_view stop_what) {
    i64 was_set, was_stopped;
    u64 deadline, ahead = 10 * time::millisecond;
    do {
        event::clear(port);
        deadline = time::now() + ahead;
        was_set = set(deadline);
        was_stopped = stop();
        ahead *= 2;
    } while (time::now() + time::millisecond >= deadline);
    ok(was_set, set_what);
    ok(was_stopped, stop_what);
    check(!event::wait(port, deadline + 20 * time::millisecond), "does not fire");
}

void test_singleshot(guest::EvtchnPort port) {
    event::clear(port);
    u64 deadline = time::now() + 20 * time::millisecond;
    ok(set_singleshot(deadline, 0), "set_singleshot_timer");
    check(!event::pending(port) || time::now() >= deadline, "does not fire at once");
    check(event::wait(port, deadline + patience), "fires");
    check(time::now() + time::millisecond >= deadline, "not early");
    event::clear(port);
    ok(set_singleshot(time::now() - time::millisecond, 0), "one in the past");
    check(event::wait(port, time::now() + patience), "fires at once");
    test_stopped(
        port, [](u64 at) { return set_singleshot(at, 0); }, "one that is stopped",
        [] { return guest::vcpu_op(abi::vcpuop::stop_singleshot_timer, 0); }, "stop_singleshot_timer");
    // The flag is a wish: Xen 4.17 does not refuse what is past.
    i64 result = set_singleshot(time::now() - time::millisecond, abi::singleshot_timer_future);
    check(result == guest::failure(Errno::time) || event::wait(port, time::now() + patience),
          "one that should not be past is refused or fires");
    event::clear(port);
    fails(set_singleshot(time::now(), 0, 4000), Errno::noent, "one of a vCPU that does not exist");
    u64 soon = time::now() + 10 * time::millisecond;
    ok(guest::hypercall(abi::hypercall::set_timer_op, soon), "set_timer_op");
    check(event::wait(port, soon + patience), "fires");
    test_stopped(
        port, [](u64 at) { return guest::hypercall(abi::hypercall::set_timer_op, at); }, "set_timer_op",
        [] { return guest::hypercall(abi::hypercall::set_timer_op, 0); }, "and 0");
}

constinit u32 fired = 0;

void test_block(guest::EvtchnPort port) {
    event::clear(port);
    event::set_handler(port, [](guest::EvtchnPort) { ++fired; });
    u64 deadline = time::now() + 10 * time::millisecond;
    ok(set_singleshot(deadline, 0), "a timer");
    while (fired == 0 && time::now() < deadline + patience) { ok(guest::sched_op(abi::schedop::block), "block"); }
    equal(fired, 1, "ends when the timer fires, and the event is delivered");
    event::set_handler(port, nullptr);
}
}  // namespace

void test_timers() {
    test_clock();
    abi::EvtchnBindVirq bind{.virq = abi::virq::timer, .vcpu = {0}, .port = {0}};
    ok(guest::event_channel_op(abi::evtchnop::bind_virq, &bind), "VIRQ_TIMER");
    ok(guest::vcpu_op(abi::vcpuop::stop_periodic_timer, 0), "stop_periodic_timer: there may be one from the start");
    test_singleshot(bind.port);
    test_block(bind.port);
    abi::EvtchnClose close{.port = bind.port};
    ok(guest::event_channel_op(abi::evtchnop::close, &close), "closed");
}
}  // namespace selftest
