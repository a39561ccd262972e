// SPDX-License-Identifier: MIT
// Sending an event to oneself.
#include "runtime/event.hpp"

#include "entries.hpp"
#include "measure.hpp"
#include "runtime/trap.hpp"

// For bench_upcall.
extern "C" {
abi::VcpuInfo volatile* bench_vcpu_info;
guest::u64 volatile* bench_pending_word;
}

namespace bench {
void set_callback(guest::u16 type, char const* entry, guest::u16 flags) {
    abi::CallbackRegister callback{.type = type, .flags = flags, .pad = 0, .address = {address_of(entry)}};
    require(guest::callback_op(abi::callbackop::register_callback, &callback) == 0, "callback_op");
}

namespace {
constinit abi::EvtchnUnmask unmask{};
constinit abi::EvtchnStatus status{};
constinit abi::EvtchnSend interdomain{};
constinit abi::EvtchnAllocUnbound unbound{};

void measure_other_operations() {
    unbound.dom = unbound.remote_dom = abi::domid_self;
    require(guest::event_channel_op(abi::evtchnop::alloc_unbound, &unbound) == 0, "alloc_unbound");
    static constinit abi::EvtchnBindInterdomain bind{};
    bind.remote_dom = abi::domid_self;
    bind.remote_port = unbound.port;
    require(guest::event_channel_op(abi::evtchnop::bind_interdomain, &bind) == 0, "bind_interdomain");
    guest::event::mask(unbound.port);
    guest::event::mask(bind.local_port);
    interdomain.port = bind.local_port;
    bench_pending_word = &guest::shared_info().evtchn_pending[unbound.port.value / 64];
    measure({"evtchn_send_interdomain_masked"}, [] {
        (void)guest::event_channel_op(abi::evtchnop::send, &interdomain);
        *bench_pending_word = 0;
    });
    status.dom = abi::domid_self;
    status.port = unmask.port = bind.local_port;
    measure({"evtchn_status"}, [] { (void)guest::event_channel_op(abi::evtchnop::status, &status); });
    measure({"evtchn_unmask"}, [] { (void)guest::event_channel_op(abi::evtchnop::unmask, &unmask); });
    measure({"evtchn_alloc_unbound_and_close"}, [] {
        (void)guest::event_channel_op(abi::evtchnop::alloc_unbound, &unbound);
        abi::EvtchnClose close{.port = unbound.port};
        (void)guest::event_channel_op(abi::evtchnop::close, &close);
    });
}
}  // namespace

void measure_events() {
    measure_other_operations();
    abi::EvtchnBindIpi ipi{};
    require(guest::event_channel_op(abi::evtchnop::bind_ipi, &ipi) == 0, "bind_ipi");
    static constinit abi::EvtchnSend send{};
    send.port = ipi.port;
    bench_vcpu_info = &guest::vcpu_info();
    bench_pending_word = &guest::shared_info().evtchn_pending[ipi.port.value / 64];
    guest::event::mask(ipi.port);
    measure({"evtchn_send_masked"}, [] {
        (void)guest::event_channel_op(abi::evtchnop::send, &send);
        *bench_pending_word = 0;
    });
    guest::event::clear(ipi.port);
    guest::event::unmask(ipi.port);
    set_callback(abi::callback::event, bench_upcall, abi::callback::mask_events);
    guest::event::enable();
    measure({"evtchn_send_upcall_and_iret"}, [] { (void)guest::event_channel_op(abi::evtchnop::send, &send); });
    guest::event::disable();
    guest::trap::initialise();
}
}  // namespace bench
