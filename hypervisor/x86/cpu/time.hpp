// SPDX-License-Identifier: MIT
// Time from the TSC, measured once against the PIT; deadlines by the local APIC's timer.
#pragma once

#include "core/hal.hpp"

namespace hv::time {

void calibrate();  // at boot, with the APIC on: both clocks against the PIT
void init_cpu();   // on each further CPU
Time at_tsc(u64 tsc);
u64 tsc_at(Time time);
hal::TscScale scale();
u64 tsc_khz();
bool tsc_is_stable();
void set_deadline(Time deadline);  // of this CPU; ~0 for none
bool deadline_passed();

u64 wall_clock_at_start();
void set_wall_clock_at_start(u64 ns);

}  // namespace hv::time
