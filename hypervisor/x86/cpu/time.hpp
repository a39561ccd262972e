// SPDX-License-Identifier: MIT
// Time from the TSC, whose speed is measured once (cpu/tsc_speed.hpp); deadlines by the local APIC's timer. The rest is
// core's hal.
#pragma once

namespace hv::time {
void calibrate();  // at boot, with the APIC on
void watch();      // that the speed was measured well: on the boot CPU, once it has timers
bool deadline_passed();

// At the start of another processor: it reads our counter some times and corrects its own if they differ.
void offer_clock();   // on the boot CPU, again and again until the other one has done with it
void follow_clock();  // on the other one
}  // namespace hv::time
