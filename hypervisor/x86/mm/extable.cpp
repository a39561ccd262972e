// SPDX-License-Identifier: MIT
#include "x86/mm/extable.hpp"

namespace {

struct Entry {
    hv::u64 instruction;
    hv::u64 fixup;
};

}  // namespace

extern "C" {
extern Entry const extable_start[], extable_end[];  // by the linker script, filled from assembly's .extable
}

namespace hv::extable {

u64 fixup_for(u64 rip) {
    for (Entry const* entry = extable_start; entry != extable_end; ++entry)
        if (entry->instruction == rip) return entry->fixup;
    return 0;
}

}  // namespace hv::extable
