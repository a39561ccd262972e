// SPDX-License-Identifier: MIT
// vcpu_op but for timers: states, runstate areas, and moving vcpu_info.
#include "check.hpp"
#include "runtime/event.hpp"
#include "runtime/memory.hpp"
#include "runtime/time.hpp"

namespace selftest {
namespace {
void test_runstate() {
    static constinit abi::VcpuRunstateInfo area{};
    abi::VcpuRunstateInfo now{};
    ok(guest::vcpu_op(abi::vcpuop::get_runstate_info, 0, &now), "get_runstate_info");
    equal(now.state, abi::runstate::running, "says running");
    abi::VcpuRegisterRunstateMemoryArea registration{.addr = guest::pointer_to(&area)};
    ok(guest::vcpu_op(abi::vcpuop::register_runstate_memory_area, 0, &registration), "a runstate area");
    auto volatile& seen = area;
    equal(seen.state, abi::runstate::running, "says running");
    u64 blocked = seen.time[abi::runstate::blocked];
    for (int i = 0; i < 50 && seen.time[abi::runstate::blocked] == blocked; ++i) {  // a time that is past is no sleep
        guest::time::sleep_until(guest::time::now() + 20 * guest::time::millisecond);
    }
    check(seen.time[abi::runstate::blocked] > blocked, "time asleep counts as blocked");
    check(seen.state_entry_time <= guest::time::now(), "the state began in the past");
    ok(guest::vcpu_op(abi::vcpuop::register_runstate_memory_area, 0, &registration), "it can be registered again");
}

void test_vcpu_info() {
    u8* page = static_cast<u8*>(guest::memory::allocate());
    Mfn frame = guest::memory::mfn_of(page);
    abi::RegisterVcpuInfo registration{.mfn = frame, .offset = 4096 - 32, .rsvd = 0};
    fails(guest::vcpu_op(abi::vcpuop::register_vcpu_info, 0, &registration), Errno::nxio,
          "vcpu_info across the end of a page");
    registration.offset = 128;
    registration.mfn = Mfn{u64{1} << 36};
    fails(guest::vcpu_op(abi::vcpuop::register_vcpu_info, 0, &registration), Errno::inval, "in no frame");
    registration.mfn = frame;
    guest::event::disable();
    ok(guest::vcpu_op(abi::vcpuop::register_vcpu_info, 0, &registration), "register_vcpu_info");
    auto volatile& moved = *reinterpret_cast<abi::VcpuInfo volatile*>(page + 128);
    equal(moved.evtchn_upcall_pending, 1, "announces an event");
    equal(moved.evtchn_pending_sel, ~u64{0}, "in every word, so that none is lost");
    equal(moved.evtchn_upcall_mask, 1, "and keeps the mask");
    check(moved.time.tsc_to_system_mul != 0, "and the time");
    fails(guest::vcpu_op(abi::vcpuop::register_vcpu_info, 0, &registration), Errno::inval, "only once");
    guest::event::use_vcpu_info(moved);
    guest::event::enable();
    u64 before = guest::time::now();
    guest::time::sleep_until(before + 10 * guest::time::millisecond);
    check(guest::time::now() >= before + 10 * guest::time::millisecond, "time goes on there");
    abi::EvtchnBindIpi ipi{.vcpu = {0}, .port = {0}};
    ok(guest::event_channel_op(abi::evtchnop::bind_ipi, &ipi), "an IPI");
    static constinit u32 upcalls = 0;
    guest::event::set_handler(ipi.port, [](guest::EvtchnPort) { ++upcalls; });
    ok(guest::event::send(ipi.port), "sent");
    equal(upcalls, 1, "comes through the new place");
    guest::event::set_handler(ipi.port, nullptr);
    abi::EvtchnClose close{.port = ipi.port};
    ok(guest::event_channel_op(abi::evtchnop::close, &close), "closed");
}
void test_nmi() {
    static constinit u32 nmis = 0;
    guest::trap::set_handler(guest::trap::nmi, [](guest::TrapFrame&) { return ++nmis != 0; });
    guest::event::disable();
    ok(guest::vcpu_op(abi::vcpuop::send_nmi, 0), "an NMI");
    equal(nmis, 1, "comes although events are masked");
    guest::event::enable();
    guest::trap::set_handler(guest::trap::nmi, nullptr);
    fails(guest::vcpu_op(abi::vcpuop::send_nmi, 4000), Errno::noent, "an NMI for vCPU 4000");
    for (abi::TrapInfo const& gate : guest::trap::gates()) {
        if (gate.vector != guest::trap::nmi) continue;
        abi::NmiCallback callback{.handler_address = {gate.address}, .pad = 0};
        ok(guest::hypercall(abi::hypercall::nmi_op, abi::nmiop::register_callback, address_of(&callback)), "nmi_op");
        callback.handler_address = {u64{1} << 47};
        fails(guest::hypercall(abi::hypercall::nmi_op, abi::nmiop::register_callback, address_of(&callback)),
              Errno::inval, "with an address that is not canonical");
    }
}

void test_watchdogs() {
    abi::SchedWatchdog first{.id = 0, .timeout = 1000}, second = first;
    equal(static_cast<u64>(guest::sched_op(abi::schedop::watchdog, &first)), 1, "a watchdog");
    equal(static_cast<u64>(guest::sched_op(abi::schedop::watchdog, &second)), 2, "another");
    fails(static_cast<i32>(guest::sched_op(abi::schedop::watchdog, &first)), Errno::nospc, "there are two");
    first.id = 1;
    second.id = 2;
    ok(guest::sched_op(abi::schedop::watchdog, &first), "the first is set again");
    second.timeout = first.timeout = 0;
    ok(guest::sched_op(abi::schedop::watchdog, &second), "the second ends");
    fails(guest::sched_op(abi::schedop::watchdog, &second), Errno::inval, "once");
    ok(guest::sched_op(abi::schedop::watchdog, &first), "the first ends too");
    first.id = 3;
    fails(guest::sched_op(abi::schedop::watchdog, &first), Errno::inval, "there is no third");
}

void test_pin_override() {
    abi::SchedPinOverride first{0}, none{-1}, absent{1000};
    ok(guest::sched_op(abi::schedop::pin_override, &first), "pinned to a CPU");
    ok(guest::sched_op(abi::schedop::pin_override, &first), "and again");
    fails(guest::sched_op(abi::schedop::pin_override, &absent), Errno::inval, "there are not that many");
    ok(guest::sched_op(abi::schedop::pin_override, &none), "free again");
    fails(guest::sched_op(abi::schedop::pin_override, &none), Errno::inval, "it is not pinned");
}
}  // namespace

void test_vcpu_ops() {
    equal(static_cast<u64>(guest::vcpu_op(abi::vcpuop::is_up, 0)), 1, "vCPU 0 is up");
    fails(guest::vcpu_op(abi::vcpuop::is_up, 4000), Errno::noent, "vCPU 4000 is not there");
    fails(guest::vcpu_op(abi::vcpuop::is_up, 0xffffffff), Errno::noent, "nor is 2^32 - 1");
    fails(guest::vcpu_op(77, 0), Errno::nosys, "an unknown vcpu_op");
    ok(guest::vcpu_op(abi::vcpuop::up, 0), "up, of one that is");
    static constinit abi::VcpuGuestContext context{};
    fails(guest::vcpu_op(abi::vcpuop::initialise, 0, &context), Errno::exist, "initialise, of one that is");
    test_runstate();
    test_nmi();
    test_watchdogs();
    test_pin_override();
    test_vcpu_info();
}
}  // namespace selftest
