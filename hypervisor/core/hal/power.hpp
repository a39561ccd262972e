// SPDX-License-Identifier: MIT
// The console's keys, and the end of everything.
#pragma once
#include <span>
#include "portable/base/types.hpp"

namespace hv::hal {
usize console_read(std::span<char> out);  // bytes typed on the console that dom0 has not read
[[noreturn]] void machine_power_off();
[[noreturn]] void machine_reboot();
[[noreturn]] void machine_halt();
bool reboot_allowed();  // false with the option noreboot
// Writes PM1 control; S5 does not return. False: no such block.
bool acpi_sleep(u32 state, u16 pm1a_control, u16 pm1b_control);
}  // namespace hv::hal
