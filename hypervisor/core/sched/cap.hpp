// SPDX-License-Identifier: MIT
// Caps: what a domain's vCPUs may run together in each period, in percent of a CPU. What they have run too much is
// owed.
#pragma once
#include "core/domain.hpp"

namespace hv::sched {
// True if its domain has nothing left: the vCPU is held until the next period.
bool hold_if_spent(Vcpu& vcpu, Time now);
// `wanted`, or what is left of the domain's budget if that is less.
Time within_cap(Vcpu const& vcpu, Time wanted);
}  // namespace hv::sched
