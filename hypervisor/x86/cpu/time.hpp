// SPDX-License-Identifier: MIT
// Time from the TSC, whose speed is measured once; deadlines by the local APIC's timer. The rest is core's hal.
#pragma once
#include "portable/base/types.hpp"

namespace hv::time {
void calibrate();  // at boot, with the APIC on
bool deadline_passed();
// From now on, every two seconds on the boot CPU, once it has timers. If a minute shows another frequency than the one
// we go by, the log says so, once.
void watch();

// At the start of another processor: it reads our counter some times and corrects its own if they differ.
void offer_clock();   // on the boot CPU, again and again until the other one has done with it
void follow_clock();  // on the other one
}  // namespace hv::time

// The battery clock (MC146818 data sheet), read once at boot. Dom0 sets it.
namespace hv::rtc {
u64 read_seconds();  // since 1970, taking the clock for UTC

// Days since 1970 of a date of the Gregorian calendar.
constexpr u64 days_since_1970(u64 year, u64 month, u64 day) {
    // Years begin in March here, so that the leap day is the last of its year.
    u64 y = month <= 2 ? year - 1 : year;
    u64 m = month <= 2 ? month + 9 : month - 3;
    return y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day - 1 - 719468;
}
static_assert(days_since_1970(1970, 1, 1) == 0);
static_assert(days_since_1970(2000, 3, 1) == 11017);
}  // namespace hv::rtc
