// SPDX-License-Identifier: MIT
// The fields of a DomainSpec by name, each with the rule by which it is written in text: in domain files, and in the
// stored record of a domain. A field has the rule that stands here, not one that its type would suggest: of two
// numbers one is a size, the other a count. A rule is `Value`, parse and format, which are inverse to each other.
#pragma once
#include <string>
#include <string_view>
#include <tuple>

#include "domain/spec.hpp"

namespace paravane {
struct Text {
    using Value = std::string;
    static Result<std::string> parse(std::string_view text);  // UTF-8, as messages need it
    static std::string format(std::string const& value) { return value; }
};

// Of a file in domain 0. In a domain file it may be relative to that file's folder.
struct Path : Text {};

// With a unit: "128MiB". Never nothing: in a message that is the same as a field left out.
struct Size {
    using Value = std::uint64_t;
    static Result<std::uint64_t> parse(std::string_view text);
    static std::string format(std::uint64_t value);
};

// At least 1, for the same reason.
struct Count {
    using Value = std::uint32_t;
    static Result<std::uint32_t> parse(std::string_view text);
    static std::string format(std::uint32_t value);
};

struct EndWord {
    using Value = EndAction;
    static Result<EndAction> parse(std::string_view text);
    static std::string format(EndAction value);
};

struct PowerWord {
    using Value = PowerState;
    static Result<PowerState> parse(std::string_view text);
    static std::string format(PowerState value);
};

// "true" or "false".
struct Flag {
    using Value = bool;
    static Result<bool> parse(std::string_view text);
    static std::string format(bool value);
};

template <class Rule>
struct Field {
    std::string_view name;
    typename Rule::Value DomainSpec::*place;
};

inline constexpr std::tuple domain_fields{
    Field<Text>{"name", &DomainSpec::name},
    Field<Path>{"kernel", &DomainSpec::kernel},
    Field<Path>{"initrd", &DomainSpec::initrd},
    Field<Text>{"cmdline", &DomainSpec::cmdline},
    Field<Size>{"memory", &DomainSpec::memory},
    Field<Count>{"vcpus", &DomainSpec::vcpus},
    Field<EndWord>{"on_poweroff", &DomainSpec::on_poweroff},
    Field<EndWord>{"on_reboot", &DomainSpec::on_reboot},
    Field<EndWord>{"on_crash", &DomainSpec::on_crash},
    Field<EndWord>{"on_watchdog", &DomainSpec::on_watchdog},
    Field<PowerWord>{"power_state", &DomainSpec::power_state},
    Field<Flag>{"ephemeral", &DomainSpec::ephemeral},
};

// Calls visit(Field<Rule>) for each until one says that it failed; Result<> as visit gives it.
template <class Visit>
Result<> for_each_field(Visit visit) {
    Result<> result;
    std::apply([&](auto const&... field) { (static_cast<bool>(result = visit(field)) && ...); }, domain_fields);
    return result;
}
}  // namespace paravane
