// SPDX-License-Identifier: MIT
#include "domain/uuid.hpp"

#include <sys/random.h>

namespace paravane {
std::string to_string(DomainHandle const& handle) {
    constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (std::size_t i = 0; i < handle.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
        text += digits[handle[i] >> 4];
        text += digits[handle[i] & 15];
    }
    return text;
}

std::optional<DomainHandle> parse_uuid(std::string_view text) {
    constexpr std::string_view digits = "0123456789abcdef";
    DomainHandle handle{};
    std::size_t nibble = 0;
    for (char c : text) {
        if (c == '-') continue;
        std::size_t digit = digits.find(c);
        if (digit == std::string_view::npos || nibble == 2 * handle.size()) return std::nullopt;
        handle[nibble / 2] = static_cast<std::uint8_t>(handle[nibble / 2] << 4 | digit);
        ++nibble;
    }
    if (nibble != 2 * handle.size() || to_string(handle) != text) return std::nullopt;
    return handle;
}

DomainHandle random_handle() {
    DomainHandle handle{};
    while (getrandom(handle.data(), handle.size(), 0) < 0) {}
    handle[6] = static_cast<std::uint8_t>((handle[6] & 0x0f) | 0x40);  // RFC 4122, version 4
    handle[8] = static_cast<std::uint8_t>((handle[8] & 0x3f) | 0x80);
    return handle;
}
}  // namespace paravane
