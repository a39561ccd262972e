// SPDX-License-Identifier: MIT
#pragma once
#include <string_view>

namespace paravane {
// What a string of a message must be.
bool is_utf8(std::string_view text);
}  // namespace paravane
