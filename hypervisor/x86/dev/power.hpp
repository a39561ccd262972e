// SPDX-License-Identifier: MIT
// The ways out are core's hal::machine_*. Each tries what usually works first and ends with what always does.
#pragma once

namespace hv::power {
void forbid_reboot();  // the option noreboot: halt instead, so that the last messages stay on the screen
}  // namespace hv::power
