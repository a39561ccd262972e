// SPDX-License-Identifier: MIT
// Vectors above the exceptions, and what each of them does.
#pragma once
#include "portable/base/types.hpp"

namespace hv {
namespace vector {
inline constexpr u8 console = 0xf0;
inline constexpr u8 kick = 0xf1;
inline constexpr u8 timer = 0xf2;
inline constexpr u8 tlb = 0xf3;
inline constexpr u8 apic_error = 0xfe;
inline constexpr u8 spurious = 0xff;
inline constexpr u8 pic_spurious7 = 0x27;  // where the old PIC is parked: its spurious interrupts come even when masked
inline constexpr u8 pic_spurious15 = 0x2f;
inline constexpr u8 first_device = 0x30;  // x86/dev/irq.cpp hands these out, except where guests' INT 0x80 arrives
inline constexpr u8 last_device = 0xef;
inline constexpr u8 linux_system_call = 0x80;
}  // namespace vector

namespace interrupts {
// From the entry path, for every vector of 32 and above that is not a guest's INT n. Short: it notes what is to be done
// in this_cpu().pending and tells the APIC; the exit path does the work.
void handle(u8 vector);
}  // namespace interrupts
}  // namespace hv
