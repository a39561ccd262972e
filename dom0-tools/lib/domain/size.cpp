// SPDX-License-Identifier: MIT
#include "domain/size.hpp"

#include <array>
#include <optional>

#include "portable/base/number.hpp"

namespace paravane {
namespace {
struct SizeUnit {
    std::string_view name;
    unsigned shift;
};
constexpr std::array units{SizeUnit{"GiB", 30}, SizeUnit{"MiB", 20}, SizeUnit{"KiB", 10}};

Error refuse(std::string why) { return Error{"", std::move(why), ErrorKind::invalid}; }
}  // namespace

Result<std::uint64_t> parse_size(std::string_view text) {
    std::string quoted = "\"" + std::string{text} + "\"";
    bool digits = !text.empty() && text.front() >= '0' && text.front() <= '9';
    if (!digits) return refuse(quoted + " is not a size such as 128MiB");
    std::string_view unit = text;
    std::optional<std::uint64_t> number = hv::take_decimal<std::uint64_t>(unit);
    if (!number) return refuse(quoted + " is too large");
    while (unit.starts_with(' ')) unit.remove_prefix(1);
    bool word =
        !unit.empty() && ((unit.front() >= 'a' && unit.front() <= 'z') || (unit.front() >= 'A' && unit.front() <= 'Z'));
    if (!unit.empty() && !word) return refuse(quoted + " is not a size such as 128MiB");
    if (unit.empty()) return refuse(quoted + " needs a unit: " + std::string{text} + "MiB, for example");
    for (SizeUnit const& known : units) {
        if (unit != known.name) continue;
        if (*number > (~std::uint64_t{0} >> known.shift)) return refuse(quoted + " is too large");
        return *number << known.shift;
    }
    return refuse("unknown unit \"" + std::string{unit} + "\": use KiB, MiB or GiB");
}

std::string format_size(std::uint64_t bytes) {
    for (SizeUnit const& unit : units) {
        if (bytes != 0 && bytes % (std::uint64_t{1} << unit.shift) == 0) {
            return std::to_string(bytes >> unit.shift) + std::string{unit.name};
        }
    }
    return std::to_string(bytes) + "B";
}
}  // namespace paravane
