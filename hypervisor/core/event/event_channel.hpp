// SPDX-License-Identifier: MIT
// Event channels of a domain: ports and what they are bound to (event_channel.h). Delivery is 2-level so far; the
// delivery ABI is chosen behind set_pending.
#pragma once

#include "base/lock.hpp"
#include "core/domain.hpp"

namespace hv {

// What the rest of the hypervisor needs of event channels; the class itself is in event_table.hpp.
Result<EventChannels*> create_event_channels(Domain& domain);
void close_all_event_channels(Domain& domain);     // dying domain: peers become unbound
void destroy_event_channels(Domain& domain);       // frees the tables

void send_virq(Vcpu& vcpu, u32 virq);              // per-vCPU virq (timer, debug)
void send_global_virq(u32 virq);                   // to dom0; dropped while unbound
bool port_is_pending(Domain& domain, EvtchnPort port);
void notify_vcpu(Vcpu& vcpu);                      // sets upcall_pending and wakes or kicks: something is pending

}  // namespace hv
