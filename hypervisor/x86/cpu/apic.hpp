// SPDX-License-Identifier: MIT
// The local APIC (Intel SDM volume 3, chapter 11), in x2APIC mode where there is one: end of interrupt, IPIs, a
// one-shot timer.
#pragma once
#include "portable/base/types.hpp"

namespace hv::apic {
void turn_off_pic();   // the old interrupt controllers only have to be quiet
void map(Maddr base);  // once
void init_cpu();       // on each CPU
void end_of_interrupt();
u32 take_error();
void send_ipi(CpuId cpu, u8 vector);
void send_init(u32 apic_id);
void send_start(u32 apic_id, u8 page);  // it begins in real mode at that page
void send_nmi(CpuId cpu);
u32 own_id();
bool can_reach(u32 apic_id);  // larger ids only in x2APIC mode

// The timer counts down in its own ticks; calibration (cpu/time.cpp) knows how many make a second.
void start_timer(u32 ticks);  // 0 stops it
u32 timer_count();
}  // namespace hv::apic
