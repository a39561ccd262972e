// SPDX-License-Identifier: MIT
// Sizes as people write them.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "os/error.hpp"

namespace paravane {
// "128MiB" as bytes. KiB, MiB and GiB are known; a bare number is refused, since nobody agrees on what it means.
Result<std::uint64_t> parse_size(std::string_view text);
std::string format_size(std::uint64_t bytes);  // in the largest unit that keeps it whole
}  // namespace paravane
