// SPDX-License-Identifier: MIT
// What follows once the machine is ours; each is defined where it belongs, x86/pv and x86/entry.
#pragma once
#include "x86/boot/boot_info.hpp"
#include "x86/boot/cmdline.hpp"

namespace hv {
// Builds dom0 of the modules and makes its first vCPU runnable; panics with the reason if that cannot be. Gives the
// modules' memory back (boot_memory::release_module).
void start_dom0(boot::BootInfo const& info, boot::Options const& options);

// Enters the scheduler on this CPU's main stack, with this_cpu().current the idle vCPU. Interrupts are off.
[[noreturn]] void run_scheduler();
}  // namespace hv
