// SPDX-License-Identifier: MIT
// What the processor must have, and the control registers as the hypervisor runs with them.
#pragma once
#include "base/types.hpp"

namespace hv::features {
// Null if this processor will do, else what is wrong with it.
char const* missing();
void read();      // once, before all else here
void init_cpu();  // CR0, CR4, EFER, PAT
u64 control4();   // CR4 as it is while no guest has a say
u64 address_bits();
bool has_xsave();
bool has_xsaveopt();
bool has_fsgsbase();
bool has_rdtscp();
bool has_stable_tsc();
}  // namespace hv::features
