// SPDX-License-Identifier: MIT
// The time that guests read without asking: vcpu_time_info per vCPU, wall clock per domain (xen.h).
#pragma once
#include "core/domain.hpp"

namespace hv::sched {
void start_time(CpuId cpu);  // no reading of its clocks yet

// Brings the running vCPU's time structures up to date with this CPU's latest reading of clock and TSC.
void refresh_time(Vcpu& vcpu);
// Fills them for a vCPU that does not run yet, or that has just given them another place.
void initialise_time(Vcpu& vcpu);
// UTC at system time 0, for one domain and for all.
void write_wall_clock(Domain& domain);
void write_all_wall_clocks();

void prepare_timers(Vcpu& vcpu);  // the callbacks of its timers (vcpu_timers.cpp)
}  // namespace hv::sched
