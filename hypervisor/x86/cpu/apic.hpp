// SPDX-License-Identifier: MIT
// The local APIC in xAPIC mode (Intel SDM volume 3, chapter 11): end of interrupt, IPIs, a one-shot timer.
#pragma once

#include "base/types.hpp"

namespace hv::apic {

void map(Maddr base);  // once
void init_cpu();       // on each CPU
u32 id();
void end_of_interrupt();
u32 take_error();
void send_ipi(CpuId cpu, u8 vector);
bool is_pending(u8 vector);  // requested, not yet taken

// The timer counts down in its own ticks; calibration (cpu/time.cpp) knows how many make a second.
void start_timer(u32 ticks);  // 0 stops it
u32 timer_count();

}  // namespace hv::apic
