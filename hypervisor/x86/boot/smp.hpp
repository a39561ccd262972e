// SPDX-License-Identifier: MIT
// The other processors of the machine.
#pragma once
#include "portable/base/types.hpp"

namespace hv::smp {
// Brings up those that ACPI lists, `limit` in all (0: every one). Each gets the next CpuId and waits for work.
void start_others(u32 limit);
void stop_others();             // for good, whatever they do: before the end of the machine. The first one that asks
bool must_stop();               // that is what the NMI means
[[noreturn]] void stop_this();  // and this the answer
}  // namespace hv::smp
