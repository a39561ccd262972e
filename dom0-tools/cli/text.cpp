// SPDX-License-Identifier: MIT
#include "cli/text.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>

#include "domain/utf8.hpp"

namespace paravane {
namespace {
std::string hex(char const* format, unsigned value) {
    std::array<char, 16> text;
    std::snprintf(text.data(), text.size(), format, value);
    return text.data();
}

// The bytes of the next character; 1 for what is none.
std::size_t length_of(std::string_view text) {
    for (std::size_t length = 1; length <= std::min<std::size_t>(4, text.size()); ++length)
        if (is_utf8(text.substr(0, length))) return length;
    return 1;
}

std::uint32_t point_of(std::string_view character) {
    auto const lead = static_cast<unsigned char>(character[0]);
    if (character.size() == 1) return lead;
    std::uint32_t point = lead & (0xffu >> (character.size() + 1));
    for (char c : character.substr(1)) point = point << 6 | (static_cast<unsigned char>(c) & 0x3f);
    return point;
}

// C1 controls, line and paragraph separators, marks and overrides of direction, tags.
bool is_hidden(std::uint32_t point) {
    return (point >= 0x80 && point < 0xa0) || (point >= 0x200b && point <= 0x200f) ||
           (point >= 0x2028 && point <= 0x202e) || (point >= 0x2060 && point <= 0x206f) || point == 0xfeff ||
           (point >= 0xe0000 && point < 0xe1000);
}
}  // namespace

std::string printable(std::string_view text, bool keep_lines) {
    std::string result;
    while (!text.empty()) {
        std::string_view const character = text.substr(0, length_of(text));
        text.remove_prefix(character.size());
        auto const lead = static_cast<unsigned char>(character[0]);
        bool const kept = keep_lines && (lead == '\n' || lead == '\t');
        if (lead == '\n' && !kept) result += "\\n";
        else if (lead == '\t' && !kept) result += "\\t";
        else if ((lead < ' ' && !kept) || lead == 0x7f || (lead >= 0x80 && character.size() == 1))
            result += hex("\\x%02x", lead);
        else if (std::uint32_t const point = point_of(character); is_hidden(point)) result += hex("\\u%04x", point);
        else result += character;
    }
    return result;
}

std::size_t width_of(std::string_view text) {
    std::size_t columns = 0;
    for (char c : text) columns += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    return columns;
}

std::string first_columns(std::string_view text, std::size_t columns) {
    std::size_t end = 0;
    while (end < text.size() && columns-- != 0) end += length_of(text.substr(end));
    return std::string{text.substr(0, end)};
}

std::string table(std::vector<Row> const& rows, Paint const& paint) {
    std::vector<std::size_t> widths;
    for (Row const& row : rows) {
        widths.resize(std::max(widths.size(), row.size()));
        for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
    }
    std::string text;
    for (std::size_t row = 0; row < rows.size(); ++row) {
        std::size_t blanks = 0;  // owed by the cells so far: none at a line's end
        for (std::size_t i = 0; i < rows[row].size(); ++i) {
            std::string const& cell = rows[row][i];
            if (!cell.empty()) {
                text.append(blanks, ' ') += paint ? paint(row, i, cell) : cell;
                blanks = 0;
            }
            blanks += widths[i] - width_of(cell) + 2;
        }
        text += '\n';
    }
    return text;
}

std::string_view next_word(std::string_view& words) {
    std::string_view const word = words.substr(0, words.find(' '));
    words.remove_prefix(std::min(words.size(), word.size() + 1));
    return word;
}

std::string yaml_scalar(std::string_view text) {
    auto is_plain = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '/' ||
               c == '.' || c == '-' || c == '=' || c == ',' || c == ' ';
    };
    constexpr std::array<std::string_view, 10> words{"true", "false", "yes", "no", "on", "off", "null", "y", "n", "~"};
    std::string lower{text};
    for (char& c : lower)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    bool const begins = !text.empty() && ((lower[0] >= 'a' && lower[0] <= 'z') || lower[0] == '/' || lower[0] == '_');
    if (begins && text.back() != ' ' && std::ranges::all_of(text, is_plain) &&
        std::ranges::find(words, lower) == words.end())
        return std::string{text};
    std::string quoted = "\"";
    for (char c : text) {
        if (c == '"' || c == '\\') quoted += {'\\', c};
        else if (c == '\n') quoted += "\\n";
        else if (c == '\t') quoted += "\\t";
        else if ((c >= 0 && c < ' ') || c == 0x7f) quoted += hex("\\x%02x", static_cast<unsigned char>(c));
        else quoted += c;
    }
    return quoted + "\"";
}
}  // namespace paravane
