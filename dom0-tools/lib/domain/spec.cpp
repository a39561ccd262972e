// SPDX-License-Identifier: MIT
#include "domain/spec.hpp"

#include <array>
#include <charconv>

namespace paravane {
namespace {
constexpr std::size_t longest_name = 63;
constexpr std::size_t longest_cmdline = 1023;
constexpr std::size_t longest_path = 4095;
constexpr std::uint64_t least_memory = std::uint64_t{2} << 20;
constexpr std::uint64_t most_memory = std::uint64_t{1} << 40;
constexpr std::uint32_t most_vcpus = 128;  // what the hypervisor has room for

struct SizeUnit {
    std::string_view name;
    unsigned shift;
};
constexpr std::array units{SizeUnit{"GiB", 30}, SizeUnit{"MiB", 20}, SizeUnit{"KiB", 10}};

Error refuse(std::string field, std::string why) { return Error{std::move(field), std::move(why), EINVAL}; }

bool is_letter_or_digit(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

Result<> check_name(std::string const& name) {
    if (name.empty()) return refuse("name", "is missing");
    if (name.size() > longest_name) return refuse("name", "is longer than 63 characters");
    if (!is_letter_or_digit(name.front())) return refuse("name", "must begin with a letter or a digit");
    bool all_digits = true;
    for (char c : name) {
        if (!is_letter_or_digit(c) && c != '-' && c != '_' && c != '.') {
            return refuse("name", "\"" + name + "\" has a character other than letters, digits, '-', '_' and '.'");
        }
        all_digits = all_digits && c >= '0' && c <= '9';
    }
    if (all_digits) return refuse("name", "\"" + name + "\" is a number: those stand for domain numbers");
    return {};
}

Result<> check_path(char const* field, std::string const& path) {
    if (path.empty()) return {};
    if (path.front() != '/') return refuse(field, "\"" + path + "\" is not an absolute path");
    if (path.size() > longest_path || path.find('\0') != std::string::npos)
        return refuse(field, "is not a usable path");
    return {};
}
}  // namespace

Result<> check_domain_spec(v1::DomainSpec const& spec) {
    TRY(check_name(spec.name()));
    if (spec.kernel().empty()) return refuse("kernel", "is missing");
    TRY(check_path("kernel", spec.kernel()));
    TRY(check_path("initrd", spec.initrd()));
    if (spec.cmdline().size() > longest_cmdline) return refuse("cmdline", "is longer than 1023 bytes");
    if (spec.cmdline().find('\0') != std::string::npos) return refuse("cmdline", "has a zero byte in it");
    if (spec.memory() == 0) return refuse("memory", "is missing");
    if (spec.memory() < least_memory) return refuse("memory", format_size(spec.memory()) + " is less than 2 MiB");
    if (spec.memory() > most_memory) return refuse("memory", format_size(spec.memory()) + " is more than 1 TiB");
    if (spec.memory() % 4096 != 0) return refuse("memory", "is not a multiple of 4 KiB");
    if (spec.vcpus() > most_vcpus)
        return refuse("vcpus", std::to_string(spec.vcpus()) + " is more than " + std::to_string(most_vcpus));
    for (auto [field, action] : {std::pair{"on_poweroff", spec.on_poweroff()}, std::pair{"on_reboot", spec.on_reboot()},
                                 std::pair{"on_crash", spec.on_crash()}}) {
        if (!v1::EndAction_IsValid(action)) return refuse(field, "has no known value");
    }
    return {};
}

v1::DomainSpec with_defaults(v1::DomainSpec spec) {
    if (spec.vcpus() == 0) spec.set_vcpus(1);
    if (spec.on_poweroff() == v1::END_ACTION_UNSPECIFIED) spec.set_on_poweroff(v1::END_ACTION_DESTROY);
    if (spec.on_reboot() == v1::END_ACTION_UNSPECIFIED) spec.set_on_reboot(v1::END_ACTION_RESTART);
    if (spec.on_crash() == v1::END_ACTION_UNSPECIFIED) spec.set_on_crash(v1::END_ACTION_DESTROY);
    return spec;
}

Result<std::uint64_t> parse_size(std::string_view text) {
    std::uint64_t number = 0;
    auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
    std::string_view unit{end, static_cast<std::size_t>(text.data() + text.size() - end)};
    if (failure == std::errc::result_out_of_range)
        return Error{"", "\"" + std::string{text} + "\" is too large", EINVAL};
    std::string const not_a_size = "\"" + std::string{text} + "\" is not a size such as 128MiB";
    if (failure != std::errc{}) return Error{"", not_a_size, EINVAL};
    while (unit.starts_with(' ')) unit.remove_prefix(1);
    if (unit.empty()) {
        return Error{"", "\"" + std::string{text} + "\" needs a unit: " + std::string{text} + "MiB, for example",
                     EINVAL};
    }
    if (!is_letter_or_digit(unit.front())) return Error{"", not_a_size, EINVAL};
    for (SizeUnit const& known : units) {
        if (unit != known.name) continue;
        if (number > (~std::uint64_t{0} >> known.shift))
            return Error{"", "\"" + std::string{text} + "\" is too large", EINVAL};
        return number << known.shift;
    }
    return Error{"", "unknown unit \"" + std::string{unit} + "\": use KiB, MiB or GiB", EINVAL};
}

std::string format_size(std::uint64_t bytes) {
    for (SizeUnit const& unit : units) {
        if (bytes != 0 && bytes % (std::uint64_t{1} << unit.shift) == 0) {
            return std::to_string(bytes >> unit.shift) + std::string{unit.name};
        }
    }
    return std::to_string(bytes) + "B";
}

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

std::string value_name(google::protobuf::EnumValueDescriptor const& value) {
    // All values begin with the name of their type: END_ACTION_… of EndAction.
    std::size_t prefix = 0;
    for (char c : value.type()->name()) prefix += c >= 'A' && c <= 'Z' ? 2 : 1;
    std::string name = value.name().substr(std::min(prefix, value.name().size()));
    for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return name;
}
}  // namespace paravane
