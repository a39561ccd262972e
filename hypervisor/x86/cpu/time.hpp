// SPDX-License-Identifier: MIT
// Time from the TSC, measured once against the PIT; deadlines by the local APIC's timer. The rest is core's hal.
#pragma once

namespace hv::time {
void calibrate();  // at boot, with the APIC on
bool deadline_passed();
}  // namespace hv::time
