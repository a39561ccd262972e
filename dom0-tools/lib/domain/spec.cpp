// SPDX-License-Identifier: MIT
#include "domain/spec.hpp"

#include "domain/size.hpp"

namespace paravane {
namespace {
constexpr std::size_t longest_name = 63;
constexpr std::size_t longest_cmdline = 1023;
constexpr std::size_t longest_path = 4095;
constexpr std::uint64_t least_memory = std::uint64_t{2} << 20;
constexpr std::uint64_t most_memory = std::uint64_t{1} << 40;
constexpr std::uint32_t most_vcpus = 128;  // what the hypervisor has room for

Error refuse(std::string field, std::string why) { return Error{std::move(field), std::move(why), ErrorKind::invalid}; }

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

Result<> check_domain_spec(DomainSpec const& spec) {
    TRY(check_name(spec.name));
    if (spec.kernel.empty()) return refuse("kernel", "is missing");
    TRY(check_path("kernel", spec.kernel));
    TRY(check_path("initrd", spec.initrd));
    if (spec.cmdline.size() > longest_cmdline) return refuse("cmdline", "is longer than 1023 bytes");
    if (spec.cmdline.find('\0') != std::string::npos) return refuse("cmdline", "has a zero byte in it");
    if (spec.memory == 0) return refuse("memory", "is missing");
    if (spec.memory < least_memory) return refuse("memory", format_size(spec.memory) + " is less than 2 MiB");
    if (spec.memory > most_memory) return refuse("memory", format_size(spec.memory) + " is more than 1 TiB");
    if (spec.memory % 4096 != 0) return refuse("memory", "is not a multiple of 4 KiB");
    if (spec.vcpus > most_vcpus)
        return refuse("vcpus", std::to_string(spec.vcpus) + " is more than " + std::to_string(most_vcpus));
    return {};
}
}  // namespace paravane
