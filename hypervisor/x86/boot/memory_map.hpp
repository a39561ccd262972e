// SPDX-License-Identifier: MIT
// The machine's memory map, made fit to rely on: sorted, without overlaps, RAM cut to whole pages.
#pragma once
#include "x86/boot/boot_info.hpp"

namespace hv::boot {
// Where ranges overlap, the less usable kind wins. Ranges of nothing vanish.
void normalise_memory(BootInfo& info);

// Marks a range as reserved: the interrupt controllers, which firmware often leaves out.
void reserve_memory(BootInfo& info, u64 start, u64 size);

u64 end_of_ram(BootInfo const& info);

// What dom0 is shown as the machine's map (hal::machine_memory_map), once normalised.
void publish_memory_map(BootInfo const& info);

char const* name_of(abi::e820::Type type);
}  // namespace hv::boot
