// SPDX-License-Identifier: MIT
// Event channels of a domain: ports and what they are bound to (event_channel.h). What the rest of the hypervisor needs
// of them; the class itself is in event_table.hpp.
#pragma once
#include "base/lock.hpp"
#include "core/domain.hpp"

namespace hv {
Result<EventChannels*> create_event_channels(Domain& domain);
bool close_all_event_channels(Domain& domain);  // dying domain: peers become unbound; false if preempted
void destroy_event_channels(Domain& domain);    // frees the tables

void send_virq(Vcpu& vcpu, u32 virq);  // per-vCPU virq (timer, debug)
void send_global_virq(u32 virq);       // to its handler, dom0 by default; dropped while unbound
Result<> set_virq_handler(Domain& domain, u32 virq);
Vcpu* handle_pirq(Domain& domain, u32 pirq);  // a device's interrupt has arrived; the vCPU that was told, if any

bool port_is_valid(Domain& domain, EvtchnPort port);
bool port_is_pending(Domain& domain, EvtchnPort port);
void notify_vcpu(Vcpu& vcpu);       // sets upcall_pending and wakes or kicks: something is pending
void watch_for_poller(Vcpu& vcpu);  // from now on an event on its poll_port wakes it, masked or not
}  // namespace hv
