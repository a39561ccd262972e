// SPDX-License-Identifier: MIT
// What a domain and a vCPU are to the clocks and timers of guests.
#pragma once
#include "core/sched/timer.hpp"

namespace hv::guest_time {
struct VcpuPart {
    u64 runstate_area = 0;  // guest address; 0: none
    u64 time_area = 0;      // guest address of a second vcpu_time_info; 0: none
    Timer singleshot_timer{};
    Timer periodic_timer{};
    Timer poll_timer{};
    u64 periodic_ns = 0;
};

struct DomainPart {
    i64 wall_clock_offset = 0;  // seconds
};
}  // namespace hv::guest_time
