// SPDX-License-Identifier: MIT
// 2-level delivery: a bit per port in shared_info, a bit per 64 ports in vcpu_info (xen.h). The guest writes both.
#pragma once
#include "core/domain.hpp"

namespace hv::two_level {
// Sets the pending bit. False if it was set already: the guest knows.
bool set_pending(Domain& domain, EvtchnPort port);
void clear_pending(Domain& domain, EvtchnPort port);
bool is_pending(Domain const& domain, EvtchnPort port);
// After set_pending: makes the vCPU see the port unless it is masked.
void signal(Domain& domain, EvtchnPort port, u32 vcpu);
void unmask(Domain& domain, EvtchnPort port, u32 vcpu);
}  // namespace hv::two_level
