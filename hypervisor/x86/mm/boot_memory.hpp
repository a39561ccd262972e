// SPDX-License-Identifier: MIT
// RAM before core's page allocator exists: what the image, the modules and the first 64 KiB leave free.
#pragma once
#include "portable/base/types.hpp"
#include "x86/boot/boot_info.hpp"

namespace hv::boot_memory {
void init(boot::BootInfo const& info);

// Frames below `limit`, aligned to `alignment` frames, from the top; not cleared. Panics if there are none: a machine
// that cannot hold its own tables cannot be used.
Mfn take(u64 frames, u64 alignment, Mfn limit);

// All that was not taken becomes the page allocator's; what was taken is marked as the hypervisor's.
void hand_over();

// A module's frames, once its contents are not needed any more.
void release_module(boot::Module const& module);
}  // namespace hv::boot_memory
