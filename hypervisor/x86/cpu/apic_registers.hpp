// SPDX-License-Identifier: MIT
// The local APIC's registers in both of its modes (Intel SDM volume 3, 11.4.1 and 11.12.1). Pure, tested hosted.
#pragma once
#include "portable/base/types.hpp"

namespace hv::apic {
enum Register : u32 {  // offsets in the xAPIC's window
    id_register = 0x20,
    task_priority = 0x80,
    eoi = 0xb0,
    spurious_vector = 0xf0,
    error_status = 0x280,
    command_low = 0x300,
    command_high = 0x310,
    timer_vector = 0x320,
    local_int0 = 0x350,
    local_int1 = 0x360,
    error_vector = 0x370,
    initial_count = 0x380,
    current_count = 0x390,
    divide = 0x3e0,
};

// In x2APIC mode 16 bytes of the window are one MSR.
constexpr u32 msr_of(Register reg) { return 0x800 + reg / 16; }

// An id of 32 bits in x2APIC mode, of 8 otherwise, of which the last one is everybody.
constexpr bool can_address(u32 apic_id, bool x2apic) { return apic_id < (x2apic ? ~0u : 0xffu); }
constexpr u64 x2apic_command(u32 apic_id, u32 command) { return u64{apic_id} << 32 | command; }
constexpr u32 xapic_destination(u32 apic_id) { return apic_id << 24; }
constexpr u32 id_in(u32 id_value, bool x2apic) { return x2apic ? id_value : id_value >> 24; }
}  // namespace hv::apic
