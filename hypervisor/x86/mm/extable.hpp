// SPDX-License-Identifier: MIT
// Instructions of ours that may fault on a guest's account, and where each goes on if it does.
#pragma once

#include "base/types.hpp"

namespace hv::extable {

// The place to continue after a fault at `rip`; 0 if no fault is expected there.
u64 fixup_for(u64 rip);

}  // namespace hv::extable
