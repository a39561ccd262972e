// SPDX-License-Identifier: MIT
// The event_channel_op hypercall.
#include "core/event/channels.hpp"
#include "core/guest_access.hpp"
#include "core/hypercall/dispatch.hpp"

namespace hv {
namespace {
Result<> run(Domain& caller, abi::EvtchnBindInterdomain& op) {
    DomainRef const remote = TRY(find_domain(op.remote_dom == abi::domid_self ? caller.id : op.remote_dom));
    if (remote->is_dying()) return Errno::inval;
    op.local_port = TRY(caller.events->bind_interdomain(*remote, op.remote_port));
    return {};
}

Result<> run(Domain& caller, abi::EvtchnBindVirq& op) {
    op.port = TRY(caller.events->bind_virq(op.virq, op.vcpu));
    return {};
}

Result<> run(Domain& caller, abi::EvtchnBindPirq& op) {
    if (!caller.privileged) return Errno::perm;
    op.port = TRY(caller.events->bind_pirq(op.pirq));
    return {};
}

Result<> run(Domain& caller, abi::EvtchnClose const& op) { return caller.events->close(op.port); }
[[gnu::always_inline]] inline Result<> run(Domain& caller, abi::EvtchnSend const& op) {
    return caller.events->send(op.port);
}

Result<> run(Domain& caller, abi::EvtchnStatus& op) {
    DomainRef const domain = TRY(resolve_domain(caller, op.dom));
    if (domain->is_dying()) return Errno::srch;
    Domid const asked_for = op.dom;
    op = TRY(domain->events->status(op.port));
    op.dom = asked_for;
    return {};
}

Result<> run(Domain& caller, abi::EvtchnAllocUnbound& op) {
    DomainRef const domain = TRY(resolve_domain(caller, op.dom));
    if (domain->is_dying()) return Errno::inval;
    op.port = TRY(domain->events->alloc_unbound(op.remote_dom == abi::domid_self ? caller.id : op.remote_dom));
    return {};
}

Result<> run(Domain& caller, abi::EvtchnBindIpi& op) {
    op.port = TRY(caller.events->bind_ipi(op.vcpu));
    return {};
}

Result<> run(Domain& caller, abi::EvtchnBindVcpu const& op) { return caller.events->bind_vcpu(op.port, op.vcpu); }
Result<> run(Domain& caller, abi::EvtchnUnmask const& op) { return caller.events->unmask(op.port); }

// A domain that resets itself also goes back to 2-level delivery, once none of its vCPUs opens ports any more.
Result<> run(Domain& caller, abi::EvtchnReset const& op) {
    DomainRef const domain = TRY(resolve_domain(caller, op.dom));
    if (domain->is_dying()) return Errno::inval;
    if (!domain->events->close_all()) return Errno::again;
    if (&*domain == &caller && !caller.events->leave_fifo()) return Errno::again;
    return {};
}

Result<> run(Domain& caller, abi::EvtchnInitControl& op) { return caller.events->init_control(op); }
Result<> run(Domain& caller, abi::EvtchnExpandArray const& op) {
    return caller.events->expand_array(Mfn{op.array_gfn.value});
}
Result<> run(Domain& caller, abi::EvtchnSetPriority const& op) {
    return caller.events->set_priority(op.port, op.priority);
}

// An operation that changes its argument answers in it, which is tried first: what it opens must be told.
template <AbiType T>
[[gnu::always_inline]] inline Outcome with(Domain& caller, u64 address) {
    guest_ptr<T> const at{address};
    T op;
    TRY(copy_in(op, at));
    constexpr bool answers = !requires(T const& unchanged) { run(caller, unchanged); };
    if constexpr (answers) TRY(copy_out(at, op));
    TRY(run(caller, op));
    if constexpr (answers) TRY(copy_out(at, op));
    return 0;
}

// By abi::evtchnop.
constexpr std::array operations{
    with<abi::EvtchnBindInterdomain>, with<abi::EvtchnBindVirq>,    with<abi::EvtchnBindPirq>,
    with<abi::EvtchnClose>,           with<abi::EvtchnSend>,        with<abi::EvtchnStatus>,
    with<abi::EvtchnAllocUnbound>,    with<abi::EvtchnBindIpi>,     with<abi::EvtchnBindVcpu>,
    with<abi::EvtchnUnmask>,          with<abi::EvtchnReset>,       with<abi::EvtchnInitControl>,
    with<abi::EvtchnExpandArray>,     with<abi::EvtchnSetPriority>,
};

[[gnu::noinline]] Outcome other_than_send(Domain& caller, u32 command, u64 arg) {
    return check_index(command, operations.size()) ? operations[command](caller, arg) : Outcome{Errno::nosys};
}
}  // namespace

Outcome do_event_channel_op(Vcpu& vcpu, HypercallArgs& args) {
    u32 const command = static_cast<u32>(args[0]);
    if (command != abi::evtchnop::send) return other_than_send(*vcpu.domain, command, args[1]);
    return with<abi::EvtchnSend>(*vcpu.domain, args[1]);
}
}  // namespace hv
