// SPDX-License-Identifier: MIT
// Instructions of ours that may fault on a guest's account, and where each goes on if it does.
#pragma once
#include "portable/base/types.hpp"

namespace hv::extable {
struct Entry {
    u64 instruction;
    u64 fixup;
};
// By the linker script, filled from assembly's .extable.
extern "C" Entry const extable_start[], extable_end[];

// The place to continue after a fault at `rip`; 0 if no fault is expected there.
inline u64 fixup_for(u64 rip) {
    for (Entry const* entry = extable_start; entry != extable_end; ++entry)
        if (entry->instruction == rip) return entry->fixup;
    return 0;
}
}  // namespace hv::extable
