// SPDX-License-Identifier: MIT
// The end of the hypervisor's work: what happened, where, and who was running. The other ways out are core's
// hal::machine_*; each tries what usually works first and ends with what always does.
#pragma once
#include "base/assert.hpp"
#include "public/vcpu.hpp"

namespace hv {
// An exception in ring 0 that nothing expected, with the registers as they were pushed; entry_vector holds its number.
[[noreturn]] void panic_on_exception(abi::CpuUserRegs const& regs);
namespace power {
void forbid_reboot();  // the option noreboot: halt instead, so that the last messages stay on the screen
}
}  // namespace hv
