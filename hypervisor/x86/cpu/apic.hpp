// SPDX-License-Identifier: MIT
// The local APIC in xAPIC mode (Intel SDM volume 3, chapter 11): end of interrupt, IPIs, a one-shot timer.
#pragma once
#include "base/types.hpp"

namespace hv::apic {
void turn_off_pic();   // the old interrupt controllers only have to be quiet
void map(Maddr base);  // once
void init_cpu();       // on each CPU
void end_of_interrupt();
u32 take_error();
void send_ipi(CpuId cpu, u8 vector);

// The timer counts down in its own ticks; calibration (cpu/time.cpp) knows how many make a second.
void start_timer(u32 ticks);  // 0 stops it
u32 timer_count();
}  // namespace hv::apic
