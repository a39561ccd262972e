// SPDX-License-Identifier: MIT
// The machine's clocks beside each other: how fast the TSC and the local APIC's timer run, at boot and ever after.
#pragma once
#include "portable/base/types.hpp"

namespace hv::time {
struct TscSpeed {
    u64 hz, doubt;
    char const* clock;  // that it was measured by
};

// By the PIT; by the ACPI timer or the HPET where that one is absent or the machine too busy. What is still in doubt is
// logged.
TscSpeed measure_tsc();
u64 measure_apic_timer(u64 tsc_hz);  // this CPU's

// From now on, every two seconds on the boot CPU. If a minute shows another frequency than the one we go by, the log
// says so, once.
void watch_tsc(u64 tsc_hz);
}  // namespace hv::time
