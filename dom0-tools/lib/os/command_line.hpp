// SPDX-License-Identifier: MIT
// The command line of a program that others start: a table says which options there are, what each sets, and what help
// says of it. (People's own commands have CLI11, which costs more than such a program does.)
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace paravane {
struct CommandOption {
    // What it sets: a flag that is given without a value, a text, one more text, or a number that must fit.
    using Target = std::variant<bool*, std::string*, std::vector<std::string>*, std::uint16_t*, std::uint32_t*,
                                std::uint64_t*, std::optional<std::uint16_t>*, std::optional<std::uint32_t>*>;

    char const* name;   // without the dashes
    char const* value;  // what help calls it; "": there is none
    char const* help;
    Target target;
};

struct CommandLine {
    char const* program;
    char const* usage;  // what follows the program's name in the first line
    char const* about;  // whole lines
    std::vector<CommandOption> options;
    char const* exit_codes;

    // --help is answered here: the process ends with 0. So is wrong usage, with 2 and a line that says why.
    void parse(int argc, char** argv) const;
    [[noreturn]] void wrong_usage(std::string_view why) const;
    std::string help() const;
};
}  // namespace paravane
