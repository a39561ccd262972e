// SPDX-License-Identifier: MIT
// What xen_version reports.
#pragma once
#include <string_view>

namespace hv {
void set_command_line(std::string_view text);  // at boot; `text` must stay
}  // namespace hv
