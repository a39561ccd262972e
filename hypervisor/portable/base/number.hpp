// SPDX-License-Identifier: MIT
// Numbers as text. Digits and nothing else: no sign, no blank, no prefix. A number that its type cannot hold is none.
#pragma once
#include <concepts>
#include <optional>
#include <string_view>

namespace hv {
// Takes the digits at the front off the text. Nothing is taken if there is no digit, or if they are too large a number.
template <std::unsigned_integral T>
constexpr std::optional<T> take_decimal(std::string_view& text) {
    T value = 0;
    std::string_view rest = text;
    for (; !rest.empty() && rest.front() >= '0' && rest.front() <= '9'; rest.remove_prefix(1)) {
        auto const digit = static_cast<T>(rest.front() - '0');
        if (__builtin_mul_overflow(value, T{10}, &value) || __builtin_add_overflow(value, digit, &value)) return {};
    }
    if (rest.size() == text.size()) return {};
    text = rest;
    return value;
}

// The whole text as one number.
template <std::unsigned_integral T>
constexpr std::optional<T> parse_decimal(std::string_view text) {
    std::optional<T> const value = take_decimal<T>(text);
    return text.empty() ? value : std::nullopt;
}
}  // namespace hv
