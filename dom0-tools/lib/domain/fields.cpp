// SPDX-License-Identifier: MIT
#include "domain/fields.hpp"

#include <array>
#include <optional>
#include <span>

#include "domain/size.hpp"
#include "domain/utf8.hpp"
#include "portable/base/number.hpp"

namespace paravane {
namespace {
// In the order of EndAction and PowerState.
constexpr std::array<std::string_view, 7> end_words{
    "destroy", "restart", "preserve", "rename-restart", "coredump-destroy", "coredump-restart", "soft-reset"};
constexpr std::array<std::string_view, 3> power_words{"running", "paused", "stopped"};

Error refuse(std::string_view text, std::string const& why) {
    return Error{"", "\"" + std::string{text} + "\" is " + why, ErrorKind::invalid};
}

template <class Enum>
Result<Enum> parse_word(std::span<std::string_view const> words, std::string_view text) {
    std::string known;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (words[i] == text) return static_cast<Enum>(i);
        known += (known.empty() ? "" : ", ") + std::string{words[i]};
    }
    return refuse(text, "none of " + known);
}
}  // namespace

Result<std::string> Text::parse(std::string_view text) {
    if (!is_utf8(text)) return Error{"", "is not valid UTF-8", ErrorKind::invalid};
    return std::string{text};
}

Result<std::uint64_t> Size::parse(std::string_view text) {
    std::uint64_t size = TRY(parse_size(text));
    if (size == 0) return Error{"", std::string{text} + " is less than 2 MiB", ErrorKind::invalid};
    return size;
}
std::string Size::format(std::uint64_t value) { return format_size(value); }

Result<std::uint32_t> Count::parse(std::string_view text) {
    std::optional<std::uint32_t> number = hv::parse_decimal<std::uint32_t>(text);
    bool digits = !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
    if (!number) return refuse(text, digits ? "too large" : "not a number");
    if (*number == 0) return Error{"", std::string{text} + " is less than 1", ErrorKind::invalid};
    return *number;
}
std::string Count::format(std::uint32_t value) { return std::to_string(value); }

Result<EndAction> EndWord::parse(std::string_view text) { return parse_word<EndAction>(end_words, text); }
std::string EndWord::format(EndAction value) { return std::string{end_words[static_cast<std::size_t>(value)]}; }

Result<PowerState> PowerWord::parse(std::string_view text) { return parse_word<PowerState>(power_words, text); }
std::string PowerWord::format(PowerState value) { return std::string{power_words[static_cast<std::size_t>(value)]}; }

Result<bool> Flag::parse(std::string_view text) {
    if (text != "true" && text != "false") return refuse(text, "neither true nor false");
    return text == "true";
}
std::string Flag::format(bool value) { return value ? "true" : "false"; }
}  // namespace paravane
