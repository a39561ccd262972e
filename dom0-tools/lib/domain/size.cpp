// SPDX-License-Identifier: MIT
#include "domain/size.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "portable/base/number.hpp"

namespace paravane {
namespace {
struct SizeUnit {
    std::string_view name;        // as it is written by us
    std::string_view short_name;  // as people type it, in either case
    unsigned shift;
};
constexpr std::array units{SizeUnit{"TiB", "T", 40}, SizeUnit{"GiB", "G", 30}, SizeUnit{"MiB", "M", 20},
                           SizeUnit{"KiB", "K", 10}, SizeUnit{"B", "B", 0}};
constexpr std::size_t most_decimals = 18;  // as many as 64 bits hold in any case

Error refuse(std::string why) { return Error{"", std::move(why), ErrorKind::invalid}; }

constexpr bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

std::optional<unsigned> shift_of(std::string_view unit) {
    for (SizeUnit const& known : units) {
        bool typed = unit.size() == 1 &&
                     (unit.front() == known.short_name.front() || unit.front() == known.short_name.front() - 'A' + 'a');
        if (unit == known.name || typed) return known.shift;
    }
    return std::nullopt;
}

// "5" behind the point, for a unit of 2^shift bytes; nothing if it is no whole number of bytes.
std::optional<std::uint64_t> bytes_behind_point(std::string_view decimals, unsigned shift) {
    while (decimals.ends_with('0')) decimals.remove_suffix(1);
    if (decimals.empty()) return 0;
    if (decimals.size() > most_decimals) return std::nullopt;
    __extension__ using Wide = unsigned __int128;
    Wide scale = 1;
    for (std::size_t i = 0; i < decimals.size(); ++i) scale *= 10;
    Wide const bytes = Wide{*hv::parse_decimal<std::uint64_t>(decimals)} << shift;
    if (bytes % scale != 0) return std::nullopt;
    return static_cast<std::uint64_t>(bytes / scale);
}
}  // namespace

Result<std::uint64_t> parse_size(std::string_view text) {
    std::string quoted = "\"" + std::string{text} + "\"";
    auto malformed = [&] { return refuse(quoted + " is not a size such as 128MiB"); };
    bool digits = !text.empty() && text.front() >= '0' && text.front() <= '9';
    if (!digits) return malformed();
    std::string_view unit = text;
    std::optional<std::uint64_t> number = hv::take_decimal<std::uint64_t>(unit);
    if (!number) return refuse(quoted + " is too large");
    std::string_view decimals;
    if (unit.starts_with('.')) {
        unit.remove_prefix(1);
        decimals = unit.substr(0, std::min(unit.find_first_not_of("0123456789"), unit.size()));
        if (decimals.empty()) return malformed();
        unit.remove_prefix(decimals.size());
    }
    while (unit.starts_with(' ')) unit.remove_prefix(1);
    if (!unit.empty() && !is_letter(unit.front())) return malformed();
    if (unit.empty()) return refuse(quoted + " needs a unit: " + std::string{text} + "MiB, for example");
    std::optional<unsigned> shift = shift_of(unit);
    if (!shift) return refuse("unknown unit \"" + std::string{unit} + "\": use KiB, MiB, GiB or TiB, or K, M, G or T");
    if (*number > (~std::uint64_t{0} >> *shift)) return refuse(quoted + " is too large");
    std::optional<std::uint64_t> rest = bytes_behind_point(decimals, *shift);
    if (!rest) return refuse(quoted + " is not a whole number of bytes");
    return (*number << *shift) + *rest;
}

std::string format_size(std::uint64_t bytes) {
    for (SizeUnit const& unit : units) {
        if (bytes != 0 && bytes % (std::uint64_t{1} << unit.shift) == 0) {
            return std::to_string(bytes >> unit.shift) + std::string{unit.name};
        }
    }
    return "0B";
}
}  // namespace paravane
