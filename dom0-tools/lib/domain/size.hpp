// SPDX-License-Identifier: MIT
// Sizes as people write them.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "os/error.hpp"

namespace paravane {
// "128MiB", "4G", "1.5GiB" as bytes: a whole number of them. Units are binary, B, K, M, G and T (in either case) or KiB
// to TiB. A bare number is refused, since nobody agrees on what it means, and so is "MB", of which the same is true.
Result<std::uint64_t> parse_size(std::string_view text);
std::string format_size(std::uint64_t bytes);  // in the largest unit that keeps it whole
}  // namespace paravane
