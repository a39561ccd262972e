// SPDX-License-Identifier: MIT
// Time since the hypervisor started, in nanoseconds, by the processor's counter.
#pragma once
#include "runtime/hypercall.hpp"

namespace guest::time {
inline constexpr u64 millisecond = 1'000'000;
inline constexpr u64 second = 1'000 * millisecond;

u64 now();
u64 cycles();

// Sleeps; events that have handlers are delivered meanwhile if upcalls are enabled.
void sleep_until(u64 deadline);
}  // namespace guest::time
