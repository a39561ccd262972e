// SPDX-License-Identifier: MIT
// Clocks, and the timer of this CPU.
#pragma once
#include "portable/base/types.hpp"

namespace hv::hal {
Time now();
u64 read_tsc();
Time time_at(u64 tsc);
u64 latest_whole_tsc();  // at which time_at loses no fraction
struct TscScale {        // ns = (tsc << shift, or >> -shift) * multiplier >> 32
    u32 multiplier;
    abi::u8 reserved[3];
    signed char shift;
};
TscScale tsc_scale();
u64 tsc_khz();
bool tsc_is_stable();
u64 wall_clock_at_start();  // ns since 1970 at hypervisor time 0
void set_wall_clock_at_start(u64 ns);
void set_deadline(Time deadline);  // this CPU's timer; ~0 for none
}  // namespace hv::hal
