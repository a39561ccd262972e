// SPDX-License-Identifier: MIT
// The way back to guests, and the CPUs' time between them.
#pragma once
#include "core/vcpu.hpp"

namespace hv::x86 {
// For long work outside a guest's exit path, the start of dom0: what waits for this CPU gets its turn.
void serve_interrupts();

// Makes another vCPU the current one of this CPU: its state is in the hardware and its registers in the guest frame.
void switch_to(Vcpu& next);
}  // namespace hv::x86
