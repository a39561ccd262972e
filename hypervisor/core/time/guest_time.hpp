// SPDX-License-Identifier: MIT
// The time that guests read without asking: vcpu_time_info per vCPU, wall clock per domain (xen.h).
#pragma once
#include "core/domain.hpp"

namespace hv::guest_time {
void prepare_timers(Vcpu& vcpu);  // their callbacks

void start(CpuId cpu);  // no reading of its clocks yet

// The vCPU goes on on this CPU: its time structures follow the CPU's latest reading of clock and TSC, its runstate area
// says that it runs.
void switched_in(Vcpu& vcpu);
// Writes the guest's copy of the runstate, if it registered one. The vCPU is the one that runs here.
void write_runstate_area(Vcpu& vcpu);
// Fills them for a vCPU that does not run yet, or that has just given them another place.
void initialise(Vcpu& vcpu);
// UTC at system time 0, for one domain and for all.
void write_wall_clock(Domain& domain);
void write_all_wall_clocks();
}  // namespace hv::guest_time
