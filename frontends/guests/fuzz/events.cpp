// SPDX-License-Identifier: MIT
// event_channel_op and sched_op, on ports that both vCPUs share.
#include "runtime/event.hpp"

#include "fuzz.hpp"
#include "runtime/guest.hpp"
#include "runtime/time.hpp"

namespace fuzz {
namespace {
namespace op = abi::evtchnop;

constexpr u32 first_port = 8;  // below are those of the console and of the witness's end
constexpr u32 ports = 48;

guest::EvtchnPort port(Fuzzer& f) { return {static_cast<u32>(f.twist(first_port + f.random.below(ports)))}; }

bool is_taken(guest::EvtchnPort which) {
    abi::StartInfo const& info = guest::start_info();
    return which == info.console.domU.evtchn || which == info.store_evtchn;
}

// One of the guest's own lines stays out of it: what a guest closes itself, it misses.
guest::EvtchnPort disposable(Fuzzer& f) {
    guest::EvtchnPort which = port(f);
    return is_taken(which) ? guest::EvtchnPort{first_port} : which;
}

template <class T>
i64 call(Fuzzer& f, u32 command, T argument) {
    f.twist_inside(argument);
    return guest::event_channel_op(command, &argument);
}

i64 bind_ipi(Fuzzer& f) { return call(f, op::bind_ipi, abi::EvtchnBindIpi{{f.random.below(2)}, {0}}); }
i64 bind_virq(Fuzzer& f) {
    return call(f, op::bind_virq, abi::EvtchnBindVirq{f.random.below(8), {f.random.below(2)}, {0}});
}
i64 alloc_unbound(Fuzzer& f) {
    return call(f, op::alloc_unbound, abi::EvtchnAllocUnbound{abi::domid_self, abi::domid_self, {0}});
}
i64 bind_interdomain(Fuzzer& f) {
    abi::EvtchnAllocUnbound unbound{abi::domid_self, abi::domid_self, {0}};
    if (guest::event_channel_op(op::alloc_unbound, &unbound) != 0) { return -1; }
    return call(f, op::bind_interdomain, abi::EvtchnBindInterdomain{abi::domid_self, 0, unbound.port, {0}});
}
i64 bind_pirq(Fuzzer& f) { return call(f, op::bind_pirq, abi::EvtchnBindPirq{f.random.below(300), 0, {0}}); }
i64 close(Fuzzer& f) {
    abi::EvtchnClose argument{disposable(f)};
    return guest::event_channel_op(op::close, &argument);
}
i64 send(Fuzzer& f) { return call(f, op::send, abi::EvtchnSend{port(f)}); }
i64 status(Fuzzer& f) {
    abi::EvtchnStatus argument{};
    argument.dom = abi::domid_self;
    argument.port = port(f);
    return call(f, op::status, argument);
}
i64 bind_vcpu(Fuzzer& f) { return call(f, op::bind_vcpu, abi::EvtchnBindVcpu{disposable(f), {f.random.below(2)}}); }
i64 unmask(Fuzzer& f) { return call(f, op::unmask, abi::EvtchnUnmask{port(f)}); }
i64 reset(Fuzzer& f) { return call(f, op::reset, abi::EvtchnReset{{static_cast<u16>(f.twist(5))}}); }
// Once for each vCPU; from then on the channels are FIFO queues. A control block of nonsense before and after.
i64 init_control(Fuzzer& f) {
    abi::EvtchnInitControl argument{.control_gfn = {guest::memory::mfn_of(pool.control).value},
                                    .offset = f.random.below(2) * 128,
                                    .vcpu = {f.random.below(2)},
                                    .link_bits = 0,
                                    .pad = {}};
    f.twist_inside(argument);
    argument.control_gfn = {Fuzzer::spare(argument.control_gfn.value)};
    return guest::event_channel_op(op::init_control, &argument);
}
i64 expand_array(Fuzzer& f) {
    abi::EvtchnExpandArray argument{.array_gfn = {Fuzzer::spare(f.twist(guest::memory::mfn_of(pool.array).value))}};
    return guest::event_channel_op(op::expand_array, &argument);
}

i64 set_priority(Fuzzer& f) { return call(f, op::set_priority, abi::EvtchnSetPriority{port(f), f.random.below(20)}); }

i64 yield(Fuzzer&) { return guest::sched_op(abi::schedop::yield); }

// A list of ports, which may be pending, until some microseconds from now.
i64 poll(Fuzzer& f) {
    auto* list = reinterpret_cast<guest::EvtchnPort*>(f.result_place());
    u32 count = f.random.below(6);
    for (u32 i = 0; i < count; ++i) { list[i] = port(f); }
    abi::SchedPoll request{.ports = {f.twist(address_of(list))},
                           .nr_ports = count,
                           .pad = 0,
                           .timeout = guest::time::now() + f.random.below(20000)};
    return guest::sched_op(abi::schedop::poll, &request);
}

// Something is pending, so that it comes back. On vCPU 0, whose upcalls the runtime takes.
i64 block(Fuzzer& f) {
    if (f.vcpu != 0) { return yield(f); }
    guest::event::disable();  // else it might be delivered before the call, which then sleeps
    guest::vcpu_info().evtchn_upcall_pending = 1;
    return guest::sched_op(abi::schedop::block);
}

i64 shutdown_code(Fuzzer& f) {
    abi::SchedShutdown request{.reason = f.random.one_in(2) ? 0 : 6 + f.random.below(1000)};
    return guest::sched_op(abi::schedop::shutdown_code, &request);
}

// Never so short that it ends the guest.
i64 watchdog(Fuzzer& f) {
    abi::SchedWatchdog request{.id = static_cast<u32>(f.twist(f.random.below(3))), .timeout = 100'000};
    return guest::sched_op(abi::schedop::watchdog, &request);
}

i64 pin_override(Fuzzer& f) {
    abi::SchedPinOverride request{.pcpu = static_cast<abi::i32>(f.twist(f.random.below(3))) - 1};
    return guest::sched_op(abi::schedop::pin_override, &request);
}

// The calls of the interface's first version: the command stands in the structure.
i64 first_version_of_sched(Fuzzer&) { return guest::hypercall(abi::hypercall::sched_op_compat, abi::schedop::yield); }
i64 first_version_of_events(Fuzzer& f) {
    struct {
        u32 command;
        abi::EvtchnSend send;
    } request{op::send, {port(f)}};
    f.twist_inside(request.send);
    return guest::hypercall(abi::hypercall::event_channel_op_compat, address_of(&request));
}
i64 first_version_of_physdev(Fuzzer& f) {
    struct {
        u64 command;
        abi::PhysdevSetIopl level;
    } request{abi::physdevop::set_iopl, {.iopl = static_cast<u32>(f.twist(0))}};
    return guest::hypercall(abi::hypercall::physdev_op_compat, address_of(&request));
}

constexpr Operation list[] = {
    {"event bind_ipi", bind_ipi, 10},
    {"event bind_virq", bind_virq, 10},
    {"event alloc_unbound", alloc_unbound, 10},
    {"event bind_interdomain", bind_interdomain, 10},
    {"event bind_pirq", bind_pirq, 3, true},
    {"event close", close, 50},
    {"event send", send, 30},
    {"event status", status},
    {"event bind_vcpu", bind_vcpu},
    {"event unmask", unmask},
    {"event reset of another", reset, 2, true},
    {"event set_priority", set_priority, 4},
    {"event init_control", init_control, 1},
    {"event expand_array", expand_array, 1},
    {"sched yield", yield, 3},
    {"sched poll", poll, 3},
    {"sched block", block, 2},
    {"sched shutdown_code", shutdown_code, 2},
    {"sched watchdog", watchdog, 2},
    {"sched pin_override", pin_override, 1, true},
    {"sched, first version", first_version_of_sched, 1},
    {"event, first version", first_version_of_events, 4},
    {"physdev, first version", first_version_of_physdev, 2},
};
}  // namespace

Operations event_operations() { return {std::begin(list), std::end(list)}; }
}  // namespace fuzz
