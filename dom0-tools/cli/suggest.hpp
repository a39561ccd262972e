// SPDX-License-Identifier: MIT
#pragma once
#include <span>
#include <string_view>

namespace paravane {
// The word of `known` that `word` may be a slip of; empty if none is near enough.
std::string_view nearest(std::string_view word, std::span<std::string_view const> known);
}  // namespace paravane
