// SPDX-License-Identifier: MIT
#include "os/command_line.hpp"

#include <getopt.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <type_traits>

#include "portable/base/number.hpp"

namespace paravane {
namespace {
// False: the text is no such number.
bool set(CommandOption const& option, char const* text) {
    auto number = [&](auto& target, auto type) {
        auto const parsed = hv::parse_decimal<decltype(type)>(text);
        if (parsed) target = *parsed;
        return parsed.has_value();
    };
    return std::visit(
        [&](auto* target) {
            using Target = std::remove_pointer_t<decltype(target)>;
            if constexpr (std::is_same_v<Target, bool>) return *target = true;
            else if constexpr (std::is_same_v<Target, std::string>) return *target = text, true;
            else if constexpr (std::is_same_v<Target, std::vector<std::string>>)
                return target->emplace_back(text), true;
            else if constexpr (std::is_integral_v<Target>) return number(*target, Target{});
            else return number(*target, typename Target::value_type{});
        },
        option.target);
}
}  // namespace

void CommandLine::parse(int argc, char** argv) const {
    std::vector<::option> known;
    for (CommandOption const& option : options)
        known.push_back({option.name, *option.value != '\0' ? required_argument : no_argument, nullptr, 0});
    known.push_back({"help", no_argument, nullptr, 'h'});
    known.push_back({});
    opterr = 0;  // getopt says nothing itself
    int at = 0;
    for (int chosen; (chosen = getopt_long(argc, argv, "", known.data(), &at)) != -1;) {
        if (chosen == 'h') {
            std::fputs(help().c_str(), stdout);
            std::exit(0);
        }
        if (chosen != 0) wrong_usage("\"" + std::string{argv[optind - 1]} + "\" is no option or lacks its value");
        if (!set(options[static_cast<std::size_t>(at)], optarg))
            wrong_usage("\"" + std::string{optarg} + "\" is no number, or too big a one");
    }
    if (optind < argc) wrong_usage("\"" + std::string{argv[optind]} + "\" is not expected");
}

void CommandLine::wrong_usage(std::string_view why) const {
    std::fprintf(stderr, "%s: %.*s; see --help\n", program, static_cast<int>(why.size()), why.data());
    std::exit(2);
}

std::string CommandLine::help() const {
    std::vector<std::string> names;
    for (CommandOption const& option : options)
        names.push_back(std::string{"--"} + option.name + (*option.value != '\0' ? " " : "") + option.value);
    names.push_back("--help");
    std::size_t const width = std::ranges::max(names, {}, &std::string::size).size();
    std::string text = std::string{"Usage: "} + program + " " + usage + "\n" + about;
    for (std::size_t i = 0; i < names.size(); ++i)
        text += "  " + names[i] + std::string(width - names[i].size() + 2, ' ') +
                (i < options.size() ? options[i].help : "this text") + "\n";
    return text + "Exit codes: " + exit_codes + ".\n";
}
}  // namespace paravane
