// SPDX-License-Identifier: MIT
// The sched_op and set_timer_op hypercalls: how a vCPU gives up its CPU, and how a domain ends.
#include "core/event/channels.hpp"
#include "core/guest_access.hpp"
#include "core/hal/cpu.hpp"
#include "core/hypercall/dispatch.hpp"
#include "core/sched/scheduler.hpp"
#include "core/sched/watchdog.hpp"
#include "public/sched.hpp"

namespace hv {
namespace {
bool has_unmasked_event(Vcpu const& vcpu) {
    return __atomic_load_n(&vcpu.info->evtchn_upcall_pending, __ATOMIC_SEQ_CST) &&
           !__atomic_load_n(&vcpu.info->evtchn_upcall_mask, __ATOMIC_SEQ_CST);
}

// What a vCPU does not sleep for. An NMI on its way is not sent again: nothing would wake it.
bool has_work(Vcpu const& vcpu) { return has_unmasked_event(vcpu) || vcpu.nmi_pending.load(std::memory_order_seq_cst); }

// What comes after the reason is set finds it and clears it; what came before is seen here.
Result<> block(Vcpu& vcpu) {
    if (!vcpu.info) return Errno::inval;
    __atomic_store_n(&vcpu.info->evtchn_upcall_mask, u8{0}, __ATOMIC_SEQ_CST);
    sched::set_reason(vcpu, PauseReason::blocked);
    if (has_work(vcpu)) sched::clear_reason(vcpu, PauseReason::blocked);
    return {};
}

Result<bool> any_pending(Vcpu& vcpu, guest_ptr<EvtchnPort> ports, u32 count) {
    for (u32 i = 0; i < count; ++i) {
        EvtchnPort const port = TRY(copy_in(ports + i));
        if (!vcpu.domain->events->is_valid(port)) return Errno::inval;
        if (vcpu.domain->events->is_pending(port)) return true;
    }
    return false;
}

// Waits for ports whose events stay masked. The pending bits stay as they are. Waking without cause is allowed, so
// every event of the domain wakes a vCPU that waits for a list.
Result<> poll(Vcpu& vcpu, abi::SchedPoll const& op) {
    if (op.nr_ports > abi::schedop::max_poll_ports) return Errno::inval;
    u32 port_to_watch = 0;
    if (op.nr_ports == 1) port_to_watch = TRY(copy_in(op.ports)).value;

    vcpu.poll_timer.disarm();  // of an earlier poll that ended otherwise
    vcpu.poll_port.store(port_to_watch, std::memory_order_seq_cst);
    // In this order: a sender of before, which strikes it off the list of pollers and wakes it afterwards, finds it
    // asleep.
    sched::set_reason(vcpu, PauseReason::polling);
    vcpu.domain->events->add_poller(vcpu);
    Result<bool> const pending = any_pending(vcpu, op.ports, op.nr_ports);
    if (!pending || *pending || has_work(vcpu)) {
        sched::clear_reason(vcpu, PauseReason::polling);
        return pending.error();
    }
    if (op.timeout) vcpu.poll_timer.arm(op.timeout, hal::this_cpu());
    return {};
}

Result<> shut_down(Domain& domain, abi::SchedShutdown const& op) {
    if (op.reason > abi::max_shutdown_reason) return Errno::inval;
    shut_down_domain(domain, op.reason);
    return {};
}

Result<> remote_shutdown(Domain& caller, abi::SchedRemoteShutdown const& op) {
    if (!caller.privileged) return Errno::perm;
    DomainRef const domain = TRY(find_domain(op.domain_id));
    if (&*domain == &caller) return Errno::inval;
    return shut_down(*domain, {op.reason});
}

// What a later SCHEDOP_shutdown by the domain's own crash handler will report.
Result<> set_shutdown_code(Domain& domain, abi::SchedShutdown const& op) {
    if (op.reason > abi::max_shutdown_reason) return Errno::inval;
    SpinGuard guard{domain.shutdown_lock};
    if (!domain.shut_down) domain.shutdown_code = op.reason;
    return {};
}

// For dom0's drivers of firmware that only works on one CPU; a negative number ends it.
Result<> pin_override(Vcpu& vcpu, abi::SchedPinOverride const& op) {
    if (!vcpu.domain->privileged) return Errno::perm;
    if (op.pcpu >= static_cast<i32>(hal::online_cpus())) return Errno::inval;
    return op.pcpu < 0 ? sched::unpin(vcpu) : sched::pin(vcpu, static_cast<CpuId>(op.pcpu));
}
}  // namespace

Outcome do_sched_op(Vcpu& vcpu, HypercallArgs& args) {
    Domain& domain = *vcpu.domain;
    switch (static_cast<u32>(args[0])) {
        case abi::schedop::yield: sched::yield(vcpu); return 0;
        case abi::schedop::block: return block(vcpu);
        case abi::schedop::shutdown: return with_argument<shut_down>(domain, args[1]);
        case abi::schedop::poll: return with_argument<poll>(vcpu, args[1]);
        case abi::schedop::remote_shutdown: return with_argument<remote_shutdown>(domain, args[1]);
        case abi::schedop::shutdown_code: return with_argument<set_shutdown_code>(domain, args[1]);
        case abi::schedop::watchdog: return with_argument<sched::set_watchdog>(domain, args[1]);
        case abi::schedop::pin_override: return with_argument<pin_override>(vcpu, args[1]);
        default: return Errno::nosys;
    }
}

Outcome do_set_timer_op(Vcpu& vcpu, HypercallArgs& args) {
    Time const deadline = args[0];
    if (deadline == 0) vcpu.singleshot_timer.disarm();
    else vcpu.singleshot_timer.arm(deadline, hal::this_cpu());
    return 0;
}
}  // namespace hv
