// SPDX-License-Identifier: MIT
// Parts of texts; string_view::substr would pull in an exception.
#pragma once

#include <string_view>

#include "base/types.hpp"

namespace hv::boot {

// `count` is not above the text's size.
constexpr std::string_view first_of(std::string_view text, usize count) { return {text.data(), count}; }
constexpr std::string_view behind(std::string_view text, usize count) {
    return {text.data() + count, text.size() - count};
}

}  // namespace hv::boot
