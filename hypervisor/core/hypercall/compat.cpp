// SPDX-License-Identifier: MIT
// Three hypercalls as the first version of the interface had them: fewer commands, or the command inside of the
// structure.
#include "core/domain.hpp"
#include "core/guest_access.hpp"
#include "core/hypercall/dispatch.hpp"
#include "public/event_channel.hpp"
#include "public/physdev.hpp"
#include "public/sched.hpp"

namespace hv {
// (command, reason)
Outcome do_sched_op_compat(Vcpu& vcpu, HypercallArgs& args) {
    u32 const command = static_cast<u32>(args[0]);
    if (command != abi::schedop::shutdown)
        return command > abi::schedop::shutdown ? Errno::nosys : do_sched_op(vcpu, args);
    if (args[1] > abi::max_shutdown_reason) return Errno::inval;
    shut_down_domain(*vcpu.domain, static_cast<u32>(args[1]));
    return 0;
}

namespace {
// The union with the arguments stands `offset` bytes behind the command.
Outcome with_command_inside(Vcpu& vcpu, HypercallArgs& args, u32 first, u32 last, u64 offset, Handler* handler) {
    u32 const command = TRY(copy_in(guest_ptr<u32>{args[0]}));
    if (command < first || command > last) return Errno::nosys;
    args[1] = args[0] + offset;
    args[0] = command;
    return handler(vcpu, args);
}
}  // namespace

Outcome do_event_channel_op_compat(Vcpu& vcpu, HypercallArgs& args) {
    return with_command_inside(vcpu, args, 0, abi::evtchnop::unmask, sizeof(u32), do_event_channel_op);
}

Outcome do_physdev_op_compat(Vcpu& vcpu, HypercallArgs& args) {
    return with_command_inside(vcpu, args, abi::physdevop::irq_status_query, abi::physdevop::alloc_irq_vector,
                               sizeof(u64), do_physdev_op);
}
}  // namespace hv
