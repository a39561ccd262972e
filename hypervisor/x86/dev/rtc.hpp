// SPDX-License-Identifier: MIT
// The battery clock (MC146818 data sheet), read once at boot. Dom0 sets it.
#pragma once
#include "portable/base/types.hpp"

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
