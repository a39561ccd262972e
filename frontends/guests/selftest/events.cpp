// SPDX-License-Identifier: MIT
// Event channels, and the upcall that announces them.
#include "check.hpp"
#include "runtime/event.hpp"
#include "runtime/time.hpp"

namespace selftest {
namespace {
using guest::EvtchnPort;
namespace event = guest::event;
namespace evtchnop = abi::evtchnop;

constexpr guest::Domid self{0x7ff0};

i64 alloc(EvtchnPort& port) {
    abi::EvtchnAllocUnbound op{.dom = self, .remote_dom = self, .port = {0}};
    i64 result = guest::event_channel_op(evtchnop::alloc_unbound, &op);
    port = op.port;
    return result;
}

i64 bind_interdomain(EvtchnPort remote, EvtchnPort& local) {
    abi::EvtchnBindInterdomain op{.remote_dom = self, .pad = 0, .remote_port = remote, .local_port = {0}};
    i64 result = guest::event_channel_op(evtchnop::bind_interdomain, &op);
    local = op.local_port;
    return result;
}

i64 bind_virq(u32 virq, u32 vcpu, EvtchnPort& port) {
    abi::EvtchnBindVirq op{.virq = virq, .vcpu = {vcpu}, .port = {0}};
    i64 result = guest::event_channel_op(evtchnop::bind_virq, &op);
    port = op.port;
    return result;
}

i64 bind_ipi(u32 vcpu, EvtchnPort& port) {
    abi::EvtchnBindIpi op{.vcpu = {vcpu}, .port = {0}};
    i64 result = guest::event_channel_op(evtchnop::bind_ipi, &op);
    port = op.port;
    return result;
}

i64 close(EvtchnPort port) {
    abi::EvtchnClose op{.port = port};
    return guest::event_channel_op(evtchnop::close, &op);
}

abi::EvtchnStatus status(EvtchnPort port) {
    abi::EvtchnStatus op{};
    op.dom = self;
    op.port = port;
    ok(guest::event_channel_op(evtchnop::status, &op), "status");
    return op;
}

void test_loopback() {
    EvtchnPort one, two;
    ok(alloc(one), "alloc_unbound for oneself");
    check(one.value != 0, "never gives port 0");
    equal(status(one).status, abi::evtchnstat::unbound, "the port is unbound");
    ok(event::send(one), "sending to nobody succeeds");
    EvtchnPort other;
    fails(bind_interdomain({one.value + 1000}, other), Errno::inval, "binding to a port that is closed");
    ok(bind_interdomain(one, two), "bind_interdomain to oneself");
    check(event::pending(two), "makes the new port pending once");
    check(!event::pending(one), "but not the other");
    equal(status(one).status, abi::evtchnstat::interdomain, "the port is interdomain");
    equal(status(one).u.interdomain.port.value, two.value, "with the other as its peer");
    equal(status(two).u.interdomain.port.value, one.value, "and back");
    fails(bind_interdomain(one, other), Errno::inval, "it is not bound a second time");
    event::clear(two);
    ok(event::send(one), "sending");
    check(event::pending(two), "makes the peer pending");
    ok(event::send(two), "sending back");
    check(event::pending(one), "makes this one pending");
    event::clear(one);
    event::clear(two);
    ok(close(two), "closing one end");
    equal(status(one).status, abi::evtchnstat::unbound, "leaves the other unbound");
    equal(status(two).status, abi::evtchnstat::closed, "and this closed");
    ok(event::send(one), "sending to nobody succeeds again");
    fails(event::send(two), Errno::inval, "sending from a closed port");
    fails(close(two), Errno::inval, "closing it again");
    EvtchnPort again;
    ok(bind_interdomain(one, again), "the unbound end can be bound again");
    equal(again.value, two.value, "to the lowest free port");
    event::clear(again);
    ok(close(one), "both ends");
    ok(close(again), "closed");
}

void test_ipis() {
    EvtchnPort port, none;
    fails(bind_ipi(4000, none), Errno::noent, "an IPI to a vCPU that does not exist");
    ok(bind_ipi(0, port), "bind_ipi");
    equal(status(port).status, abi::evtchnstat::ipi, "the port is an IPI");
    ok(event::send(port), "sending an IPI");
    check(event::pending(port), "makes it pending");
    abi::EvtchnBindVcpu move{.port = port, .vcpu = {0}};
    fails(guest::event_channel_op(evtchnop::bind_vcpu, &move), Errno::inval, "an IPI does not move");
    event::clear(port);
    ok(close(port), "and is closed");
}

void test_virqs() {
    EvtchnPort port, none;
    ok(bind_virq(abi::virq::debug, 0, port), "bind_virq");
    equal(status(port).status, abi::evtchnstat::virq, "the port is a VIRQ");
    equal(status(port).u.virq.line, abi::virq::debug, "of that line");
    fails(bind_virq(abi::virq::debug, 0, none), Errno::exist, "a line is bound once");
    fails(bind_virq(abi::virq::count, 0, none), Errno::inval, "a line that does not exist");
    fails(bind_virq(abi::virq::timer, 4000, none), Errno::noent, "a vCPU that does not exist");
    fails(event::send(port), Errno::inval, "a VIRQ is not sent by a guest");
    ok(close(port), "it is closed");
    ok(bind_virq(abi::virq::debug, 0, port), "and bound again");
    ok(close(port), "and closed again");
}

void test_bad_ports() {
    for (u32 number : {0u, 4000u, 4096u, 0x20000u, 0xffffffffu}) {
        fails(event::send({number}), Errno::inval, "sending to a port that is not open");
        fails(close({number}), Errno::inval, "closing it");
        abi::EvtchnBindVcpu move{.port = {number}, .vcpu = {0}};
        check(guest::event_channel_op(evtchnop::bind_vcpu, &move) < 0, "moving it");
    }
    abi::EvtchnUnmask unmask{.port = {0x20000}};
    fails(guest::event_channel_op(evtchnop::unmask, &unmask), Errno::inval, "unmasking a port out of range");
    abi::EvtchnStatus foreign{};
    foreign.dom = {0x7000};
    fails(guest::event_channel_op(evtchnop::status, &foreign), Errno::srch, "the status of no domain's port");
    fails(guest::event_channel_op(77, &foreign), Errno::nosys, "an unknown operation");
    fails(guest::hypercall(abi::hypercall::event_channel_op, evtchnop::send, 0x123000), Errno::fault,
          "an unmapped argument");
}

constinit u32 upcalls = 0;
constinit bool masked_in_handler = false;

void count(EvtchnPort) {
    ++upcalls;
    masked_in_handler = !event::enabled();
}
}  // namespace

void test_event_channels() {
    test_loopback();
    test_ipis();
    test_virqs();
    test_bad_ports();
}

void test_upcalls() {
    EvtchnPort port;
    ok(bind_ipi(0, port), "an IPI to watch");
    event::set_handler(port, count);
    upcalls = 0;
    ok(event::send(port), "sent");
    equal(upcalls, 1, "comes before the hypercall returns");
    check(masked_in_handler, "with further upcalls masked");
    check(event::enabled(), "which the return undoes");

    event::disable();
    ok(event::send(port), "sent while masked");
    equal(upcalls, 1, "does not come");
    check(guest::vcpu_info().evtchn_upcall_pending != 0, "but is announced");
    check(event::pending(port), "and pending");
    event::enable();
    equal(upcalls, 2, "comes once unmasked");

    event::mask(port);
    ok(event::send(port), "sent to a masked port");
    equal(upcalls, 2, "does not come");
    check(event::pending(port), "but is pending");
    event::unmask(port);
    equal(upcalls, 3, "comes when the port is unmasked");

    event::disable();
    ok(event::send(port), "sent twice");
    ok(event::send(port), "while masked");
    event::enable();
    equal(upcalls, 4, "comes once");

    // The return from an exception opens and delivers in one step.
    event::disable();
    ok(event::send(port), "sent while masked");
    guest::trap::set_handler(guest::trap::breakpoint, [](guest::TrapFrame& frame) {
        frame.rflags |= 0x200;
        return true;
    });
    asm volatile("int3" ::: "memory");
    guest::trap::set_handler(guest::trap::breakpoint, nullptr);
    equal(upcalls, 5, "comes with an iret that unmasks");
    check(event::enabled(), "and events are enabled");

    event::disable();
    ok(event::send(port), "sent while masked");
    ok(guest::sched_op(abi::schedop::block), "blocking with an event pending");
    equal(upcalls, 6, "returns at once, and delivers");
    check(event::enabled(), "blocking enables events");
    event::set_handler(port, nullptr);

    event::disable();
    ok(event::send(port), "sent to a port that is polled");
    check(event::wait(port, guest::time::now() + guest::time::second), "poll returns");
    check(!event::enabled(), "with events still disabled");
    check(event::pending(port), "and the port still pending");
    event::clear(port);
    u64 before = guest::time::now();
    check(!event::wait(port, before + 20 * guest::time::millisecond), "poll times out");
    check(guest::time::now() - before >= 20 * guest::time::millisecond, "not early");
    event::enable();
    ok(close(port), "and is closed");
}
}  // namespace selftest
