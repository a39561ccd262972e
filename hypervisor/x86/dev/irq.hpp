// SPDX-License-Identifier: MIT
// Interrupts of devices: which vector stands for which of dom0's pirqs, on what input or in what message it comes, and
// the CPU it goes to. Vectors are the same on all CPUs, so that moving an interrupt changes only its destination. What
// core uses of this is in core/hal.hpp.
#pragma once
#include "portable/base/types.hpp"
#include "x86/cpu/ioapic.hpp"

namespace hv::irq {
// At boot: a device that the hypervisor drives itself. False if no IO-APIC has that input.
bool claim(u32 gsi, u8 vector, ioapic::Wiring wiring);

// A vector has arrived on this CPU; before the APIC hears of its end. False: it is not one of these.
bool deliver(u8 vector);
}  // namespace hv::irq
