// SPDX-License-Identifier: MIT
// The chaos build's random waits (base/chaos.hpp) on this machine.
#pragma once
#include "portable/base/types.hpp"

namespace hv::chaos {
void start(u64 seed);  // all CPUs wait from now on; with 0 none ever does
}  // namespace hv::chaos
