// SPDX-License-Identifier: MIT
// How long a vCPU has run, waited for a CPU, slept, or been held: for its guest (steal time) and for dom0's tools.
#pragma once
#include "core/vcpu.hpp"

namespace hv::sched {
// Ends the time in the present state. The lock of the vCPU's run queue must be held.
void enter_runstate(Vcpu& vcpu, u32 state, Time now);
}  // namespace hv::sched
