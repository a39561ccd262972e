// SPDX-License-Identifier: MIT
// The event_channel_op hypercall.
#include "core/event/event_table.hpp"
#include "core/guest_access.hpp"
#include "core/hypercall/dispatch.hpp"

namespace hv {
namespace {
Result<u64> alloc_unbound(Domain& caller, abi::EvtchnAllocUnbound& op) {
    DomainRef const domain = TRY(resolve_domain(caller, op.dom));
    Domid const remote = op.remote_dom == abi::domid_self ? caller.id : op.remote_dom;
    if (domain->is_dying()) return Errno::inval;
    op.port = TRY(domain->events->alloc_unbound(remote));
    return u64{0};
}

Result<u64> bind_interdomain(Domain& caller, abi::EvtchnBindInterdomain& op) {
    Domid const id = op.remote_dom == abi::domid_self ? caller.id : op.remote_dom;
    DomainRef const remote = TRY(find_domain(id));
    if (remote->is_dying()) return Errno::inval;
    op.local_port = TRY(caller.events->bind_interdomain(*remote, op.remote_port));
    return u64{0};
}

Result<u64> bind_pirq(Domain& caller, abi::EvtchnBindPirq& op) {
    if (!caller.privileged) return Errno::perm;
    op.port = TRY(caller.events->bind_pirq(op.pirq));
    return u64{0};
}

Result<u64> status(Domain& caller, abi::EvtchnStatus& op) {
    DomainRef const domain = TRY(resolve_domain(caller, op.dom));
    if (domain->is_dying()) return Errno::srch;
    Domid const asked_for = op.dom;
    op = TRY(domain->events->status(op.port));
    op.dom = asked_for;
    return u64{0};
}

Result<u64> reset(Domain& caller, abi::EvtchnReset const& op) {
    DomainRef const domain = TRY(resolve_domain(caller, op.dom));
    if (domain->is_dying()) return Errno::inval;
    domain->events->close_all();
    return u64{0};
}

Result<u64> ok(Result<> result) {
    if (!result) return result.error();
    return u64{0};
}

[[gnu::noinline]] Outcome other_than_send(Domain& caller, u32 number, guest_ptr<void> arg) {
    namespace command = abi::evtchnop;
    EventChannels& events = *caller.events;
    switch (number) {
        case command::unmask:
            return with_argument<abi::EvtchnUnmask>(
                arg, [&](abi::EvtchnUnmask const& op) { return ok(events.unmask(op.port)); });
        case command::bind_interdomain:
            return with_argument<abi::EvtchnBindInterdomain>(
                arg, [&](abi::EvtchnBindInterdomain& op) { return bind_interdomain(caller, op); });
        case command::bind_virq:
            return with_argument<abi::EvtchnBindVirq>(arg, [&](abi::EvtchnBindVirq& op) -> Result<u64> {
                op.port = TRY(events.bind_virq(op.virq, op.vcpu));
                return u64{0};
            });
        case command::bind_pirq:
            return with_argument<abi::EvtchnBindPirq>(arg,
                                                      [&](abi::EvtchnBindPirq& op) { return bind_pirq(caller, op); });
        case command::close:
            return with_argument<abi::EvtchnClose>(
                arg, [&](abi::EvtchnClose const& op) { return ok(events.close(op.port)); });
        case command::status:
            return with_argument<abi::EvtchnStatus>(arg, [&](abi::EvtchnStatus& op) { return status(caller, op); });
        case command::alloc_unbound:
            return with_argument<abi::EvtchnAllocUnbound>(
                arg, [&](abi::EvtchnAllocUnbound& op) { return alloc_unbound(caller, op); });
        case command::bind_ipi:
            return with_argument<abi::EvtchnBindIpi>(arg, [&](abi::EvtchnBindIpi& op) -> Result<u64> {
                op.port = TRY(events.bind_ipi(op.vcpu));
                return u64{0};
            });
        case command::bind_vcpu:
            return with_argument<abi::EvtchnBindVcpu>(
                arg, [&](abi::EvtchnBindVcpu const& op) { return ok(events.bind_vcpu(op.port, op.vcpu)); });
        case command::reset:
            return with_argument<abi::EvtchnReset>(arg, [&](abi::EvtchnReset const& op) { return reset(caller, op); });
        default: return Errno::nosys;  // the FIFO operations among them: the guest then uses the 2-level arrays
    }
}
}  // namespace

// Sending is what happens all the time.
Outcome do_event_channel_op(Vcpu& vcpu, HypercallArgs& args) {
    u32 const number = static_cast<u32>(args[0]);
    if (number != abi::evtchnop::send) return other_than_send(*vcpu.domain, number, guest_ptr<void>{args[1]});
    abi::EvtchnSend op;
    TRY(copy_in(op, guest_ptr<abi::EvtchnSend>{args[1]}));
    return vcpu.domain->events->send(op.port);
}
}  // namespace hv
