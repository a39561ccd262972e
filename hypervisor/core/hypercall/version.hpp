// SPDX-License-Identifier: MIT
// What xen_version reports, and what tools show of us.
#pragma once
#include <string_view>
#include "portable/base/types.hpp"

namespace hv {
inline constexpr u32 interface_major = 4;  // the Xen release whose interface this is
inline constexpr u32 interface_minor = 17;

void set_command_line(std::string_view text);  // at boot; `text` must stay
}  // namespace hv
