// SPDX-License-Identifier: MIT
#pragma once
#include "core/vcpu.hpp"

namespace hv::guest_time {
void prepare_timers(Vcpu& vcpu);  // their callbacks
}  // namespace hv::guest_time
