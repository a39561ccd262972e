// SPDX-License-Identifier: MIT
// What commands there are: one table, from which come the parsing of the command line, its help, the completions of
// shells and the manual page.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "cli/exit_code.hpp"

namespace paravane {
class Session;

// What a word stands for: how it is checked, and what a shell may complete it with.
enum class WordKind : std::uint8_t {
    flag,  // no word: the option alone
    text,
    token,  // a text that is not empty
    file,
    domain,
    device,
    operation,
    command,
    topic,
    shell,
    duration,
    size,
    count,
    time,
    format,
    color,
    aim,
    escape,
    selector,
    setting,
    host,
};

struct OptionSpec {
    std::string_view name;
    char letter;  // 0: none
    WordKind kind;
    std::string_view value;  // what the help calls its word
    std::string_view help;
    bool repeated = false;
};

struct ArgumentSpec {
    std::string_view name;
    WordKind kind;
    bool required = true;
    bool repeated = false;
};

// The output formats of a command, as bits.
enum Formats : std::uint8_t { text_format = 1, wide_format = 2, json_format = 4, yaml_format = 8, name_format = 16 };
constexpr std::uint8_t only_text = text_format;
constexpr std::uint8_t document_formats = only_text | json_format | yaml_format;
constexpr std::uint8_t object_formats = document_formats | name_format;
constexpr std::uint8_t list_formats = object_formats | wide_format;
constexpr std::uint8_t stream_formats = only_text | json_format;

using Action = ExitCode (*)(Session&);

struct Command {
    std::string_view group;  // empty: none
    std::string_view names;  // "delete destroy rm": its name, then what else it is called
    bool short_form;         // may be called without its group
    std::string_view help;
    std::array<std::span<OptionSpec const>, 3> options;
    std::span<ArgumentSpec const> arguments;
    std::uint8_t formats;
    Action action;
    std::string_view more = {};  // what the help says besides

    std::string_view name() const { return names.substr(0, names.find(' ')); }
    bool is_called(std::string_view word) const;
    OptionSpec const* option(std::string_view name) const;  // one of its own, or of all commands
};

struct Group {
    std::string_view names;
    std::string_view help;

    std::string_view name() const { return names.substr(0, names.find(' ')); }
    bool is_called(std::string_view word) const;
};

std::span<Group const> groups();
std::span<Command const> commands();
std::span<OptionSpec const> common_options();  // of all commands

// "delete" or "domain delete". Null: there is none.
Command const* find_command(std::string_view group, std::string_view verb);
Group const* find_group(std::string_view word);
}  // namespace paravane
