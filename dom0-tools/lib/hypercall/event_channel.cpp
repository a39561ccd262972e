// SPDX-License-Identifier: MIT
#include "hypercall/event_channel.hpp"

#include "public/event_channel.hpp"
#include "public/hypercall.hpp"

namespace paravane {
Result<std::uint32_t> allocate_port(XenCall& xen, std::uint16_t domid) {
    auto op = TRY(Argument<abi::EvtchnAllocUnbound>::make(xen));
    op->dom = {domid};
    op->remote_dom = abi::dom0;
    TRY(hypercall(xen, "allocate an event channel of domain " + std::to_string(domid), abi::hypercall::event_channel_op,
                  {abi::evtchnop::alloc_unbound, op.address()}));
    return op->port.value;
}
}  // namespace paravane
