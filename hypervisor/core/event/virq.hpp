// SPDX-License-Identifier: MIT
// Virtual interrupts: what the hypervisor itself has to tell a domain, on the port that it has bound to it.
#pragma once
#include "core/domain.hpp"

namespace hv {
void send_virq(Vcpu& vcpu, u32 virq);  // per-vCPU virq (timer, debug)
void send_global_virq(u32 virq);       // to its handler, dom0 by default; dropped while unbound
Result<> set_virq_handler(Domain& domain, u32 virq);
void leave_virqs_to_dom0(Domain const& domain);  // of a dying one: its number may be another's soon
}  // namespace hv
