// SPDX-License-Identifier: MIT
#pragma once
#include <string>
#include <string_view>

namespace paravane {
// What a string of a message must be.
bool is_utf8(std::string_view text);
// That, without control characters: what may stand in a line of a log or on a terminal.
bool is_printable(std::string_view text);
// The same text with '?' for every byte that is not printable ASCII; line ends too unless they are kept.
std::string make_printable(std::string_view text, bool keep_lines = false);
}  // namespace paravane
