// SPDX-License-Identifier: MIT
// The HPET's main counter (IA-PC HPET specification 1.0a): a clock to compare with where there is no better one.
#pragma once
#include "portable/base/types.hpp"

namespace hv::hpet {
bool start();  // if there is one: maps it and lets it count; once or oftener
u64 hz();
u32 count();  // the lower half, which is read at once
}  // namespace hv::hpet
