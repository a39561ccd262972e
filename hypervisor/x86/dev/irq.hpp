// SPDX-License-Identifier: MIT
// Vectors above the exceptions, and what each of them does; of devices' interrupts, which vector stands for which of
// dom0's pirqs, on what input or in what message it comes, and the CPU it goes to. Vectors are the same on all CPUs, so
// that moving an interrupt changes only its destination. What core uses of this is in core/hal/irq.hpp.
#pragma once
#include "x86/cpu/apic.hpp"

namespace hv::vector {
inline constexpr u8 console = 0xf0, kick = 0xf1, timer = 0xf2, tlb = 0xf3, apic_error = 0xfe, spurious = 0xff;
inline constexpr u8 pic_spurious7 = 0x27;  // where the old PIC is parked: its spurious interrupts come even when masked
inline constexpr u8 pic_spurious15 = 0x2f;
inline constexpr u8 first_device = 0x30;  // irq.cpp hands these out, except where guests' INT 0x80 arrives
inline constexpr u8 last_device = 0xef;
inline constexpr u8 linux_system_call = 0x80;
}  // namespace hv::vector

namespace hv::irq {
// From the entry path, for every vector of 32 and above that is not a guest's INT n. Short: it notes what is to be done
// in this_cpu().pending and tells the APIC; the exit path does the work.
void handle(u8 vector);

// At boot: a device that the hypervisor drives itself. False if no IO-APIC has that input.
bool claim(u32 gsi, u8 vector, ioapic::Wiring wiring);
}  // namespace hv::irq
