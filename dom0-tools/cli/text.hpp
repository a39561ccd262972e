// SPDX-License-Identifier: MIT
// Text that others wrote, for a person to see: nothing of it moves the cursor, ends a line or is not UTF-8.
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace paravane {
// Control characters, invalid bytes and what changes the direction of writing as \n, \t, \xNN or \uNNNN; with
// `keep_lines` line ends and tabs stay.
std::string printable(std::string_view text, bool keep_lines = false);

// How many columns a terminal needs for text that is printable.
std::size_t width_of(std::string_view text);
std::string first_columns(std::string_view text, std::size_t columns);  // as much of it as has room

using Row = std::vector<std::string>;
using Paint = std::function<std::string(std::size_t row, std::size_t column, std::string const& cell)>;
// Columns as wide as their widest cell, two spaces apart. Cells are printable; `paint` may add colours.
std::string table(std::vector<Row> const& rows, Paint const& paint = {});

// Takes the first word off a list like "delete destroy rm".
std::string_view next_word(std::string_view& words);

// As YAML writes a string: plain where it can be mistaken for nothing else, else in quotes.
std::string yaml_scalar(std::string_view text);
}  // namespace paravane
