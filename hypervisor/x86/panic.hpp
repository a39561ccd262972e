// SPDX-License-Identifier: MIT
// The end of the hypervisor's work: what happened, where, and who was running. The other ways out are core's
// hal::machine_*; each tries what usually works first and ends with what always does.
#pragma once
#include "base/assert.hpp"
#include "portable/base/types.hpp"
#include "public/vcpu.hpp"

namespace hv {
// An exception in ring 0 that nothing expected, with the registers as they were pushed; entry_vector holds its number.
[[noreturn]] void panic_on_exception(abi::CpuUserRegs const& regs);
}  // namespace hv

namespace hv::power {
void forbid_reboot();  // the option noreboot: halt instead, so that the last messages stay on the screen
}  // namespace hv::power

// The other processors of the machine.
namespace hv::smp {
// Brings up those that ACPI lists, `limit` in all (0: every one). Each gets the next CpuId and waits for work.
void start_others(u32 limit);
void stop_others();             // for good, whatever they do: before the end of the machine. The first one that asks
bool must_stop();               // that is what the NMI means
[[noreturn]] void stop_this();  // and this the answer
}  // namespace hv::smp
