// SPDX-License-Identifier: MIT
// What chaos.cpp needs of the machine: x86.cpp and the hosted world define it.
#pragma once
#include "portable/base/types.hpp"

namespace hv::chaos {
// The state of this CPU's random numbers, never zero. Null where a wait would mean nothing or do harm.
u64* generator();
void pause(u32 rounds);
}  // namespace hv::chaos
