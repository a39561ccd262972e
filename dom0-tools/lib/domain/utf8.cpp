// SPDX-License-Identifier: MIT
#include "domain/utf8.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace paravane {
bool is_utf8(std::string_view text) {
    std::size_t at = 0;
    while (at < text.size()) {
        auto lead = static_cast<unsigned char>(text[at++]);
        if (lead < 0x80) continue;
        std::size_t more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
        if (lead < 0xc2 || lead > 0xf4 || text.size() - at < more) return false;
        std::uint32_t point = lead & (0x3fu >> more);
        for (; more != 0; --more, ++at) {
            auto next = static_cast<unsigned char>(text[at]);
            if ((next & 0xc0) != 0x80) return false;
            point = point << 6 | (next & 0x3f);
        }
        bool shortest = point >= (lead >= 0xf0 ? 0x10000u : lead >= 0xe0 ? 0x800u : 0x80u);
        bool surrogate = point >= 0xd800 && point < 0xe000;
        if (!shortest || surrogate || point > 0x10ffff) return false;
    }
    return true;
}

bool is_printable(std::string_view text) {
    return is_utf8(text) && std::ranges::none_of(text, [](char c) { return (c >= 0 && c < ' ') || c == 0x7f; });
}

std::string make_printable(std::string_view text, bool keep_lines) {
    std::string result{text};
    for (char& c : result) {
        bool kept = (c >= ' ' && c <= '~') || (keep_lines && (c == '\n' || c == '\t'));
        if (!kept) c = '?';
    }
    return result;
}
}  // namespace paravane
