// SPDX-License-Identifier: MIT
#include "cli/help.hpp"

#include <algorithm>

#include "cli/actions.hpp"
#include "cli/explain.hpp"
#include "cli/session.hpp"
#include "cli/suggest.hpp"
#include "cli/text.hpp"

namespace paravane {
namespace {
constexpr std::size_t columns = 100;

// Broken into lines between words.
std::string wrapped(std::string_view text, std::size_t indent, std::size_t used) {
    std::string result;
    std::size_t at = used;
    while (!text.empty()) {
        std::string_view const each = next_word(text);
        bool const breaks = at + 1 + each.size() > columns && at > indent;
        if (breaks) result += "\n" + std::string(indent, ' ');
        else if (at > indent) result += ' ';
        at = (breaks ? indent : at + (at > indent ? 1 : 0)) + each.size();
        result += each;
    }
    return result + "\n";
}

std::string entry(std::string const& name, std::string_view text) {
    constexpr std::size_t indent = 30;
    std::string line = "  " + name;
    if (line.size() + 2 > indent) return line + "\n" + std::string(indent, ' ') + wrapped(text, indent, indent);
    line.resize(indent, ' ');
    return line + wrapped(text, indent, indent);
}

std::string option_name(OptionSpec const& option) {
    std::string name = option.letter == 0 ? "    " : std::string{"-"} + option.letter + ", ";
    name += "--" + std::string{option.name};
    if (option.kind != WordKind::flag) name += " " + std::string{option.value};
    return name;
}

std::string options_text(std::span<OptionSpec const> options) {
    std::string text;
    for (OptionSpec const& option : options) text += entry(option_name(option), option.help);
    return text;
}

std::string aliases(std::string_view names) {
    std::string text;
    next_word(names);
    while (!names.empty()) text += (text.empty() ? "" : ", ") + std::string{next_word(names)};
    return text;
}

constexpr char footer[] = "`pvctl COMMAND --help` shows one, `pvctl help --man` is the manual page.\n";
}  // namespace

std::string usage_line(Command const& command) {
    std::string line = "pvctl ";
    if (!command.group.empty())
        line += (command.short_form ? "[" : "") + std::string{command.group} + (command.short_form ? "] " : " ");
    line += std::string{command.name()} + " [OPTION]...";
    for (ArgumentSpec const& argument : command.arguments) {
        std::string name = std::string{argument.name} + (argument.repeated ? "..." : "");
        line += " " + (argument.required ? name : "[" + name + "]");
    }
    return line;
}

std::string help_for_all() {
    std::string text = "Controls the domains of a Paravane host.\n\nUsage: pvctl [OPTION]... COMMAND [WORD]...\n";
    auto add = [&](std::string_view title, std::string_view group) {
        text += "\n" + std::string{title} + ":\n";
        for (Command const& command : commands()) {
            if (command.group != group) continue;
            std::string const prefix = command.short_form ? "" : std::string{group} + " ";
            text += entry(prefix + std::string{command.name()}, command.help);
        }
    };
    for (Group const& group : groups()) add(group.help, group.name());
    add("Other commands", "");
    text += "\nOptions of all commands:\n" + options_text(common_options());
    return text + "\n" + footer;
}

std::string help_for(Group const& group) {
    std::string text =
        std::string{group.help} + "\n\nUsage: pvctl " + std::string{group.name()} + " COMMAND [WORD]...\n";
    if (std::string const other = aliases(group.names); !other.empty()) text += "Also called: " + other + "\n";
    text += "\nCommands:\n";
    for (Command const& command : commands())
        if (command.group == group.name()) text += entry(std::string{command.name()}, command.help);
    return text + "\n" + footer;
}

std::string help_for(Command const& command) {
    std::string text = std::string{command.help} + "\n\nUsage: " + usage_line(command) + "\n";
    if (std::string const other = aliases(command.names); !other.empty()) text += "Also called: " + other + "\n";
    if (!command.more.empty()) text += "\n" + wrapped(command.more, 0, 0);
    std::string own;
    for (std::span<OptionSpec const> set : command.options) own += options_text(set);
    if (!own.empty()) text += "\nOptions:\n" + own;
    text += "\nOptions of all commands:\n" + options_text(common_options());
    if (command.action == run_create || command.action == run_validate) text += "\n" + domain_file_text();
    return text + "\n" + exit_codes_text();
}

ExitCode run_help(Session& session) {
    std::vector<std::string> const& words = session.line().arguments;
    if (session.line().has("man")) {
        session.output().write(manual_page());
        return ExitCode::success;
    }
    if (words.empty()) {
        session.output().write(help_for_all());
        return ExitCode::success;
    }
    Group const* group = find_group(words[0]);
    Command const* command =
        group != nullptr && words.size() > 1 ? find_command(group->name(), words[1]) : find_command("", words[0]);
    if (command != nullptr) session.output().write(help_for(*command));
    else if (group != nullptr && words.size() == 1) session.output().write(help_for(*group));
    else return session.refuse(Error{"", "there is no command \"" + words[0] + "\""}, "help", ExitCode::usage);
    return ExitCode::success;
}

ExitCode run_explain(Session& session) {
    std::vector<std::string> asked = session.line().arguments;
    if (asked.empty()) asked = {"domain-file", "exit-codes"};
    for (std::string const& topic : asked) {
        std::string const text = explain(topic);
        if (!text.empty()) {
            session.output().write(text);
            continue;
        }
        std::vector<std::string> const all = topics();
        std::vector<std::string_view> const known{all.begin(), all.end()};
        std::string_view const near = nearest(topic, known);
        return session.refuse(Error{"", "there is nothing of the name \"" + topic + "\"" +
                                            (near.empty() ? "" : "; did you mean \"" + std::string{near} + "\"?")},
                              "explain", ExitCode::usage);
    }
    return ExitCode::success;
}

ExitCode run_version(Session& session) {
    session.output().write("pvctl " PARAVANE_VERSION "\n");
    return ExitCode::success;
}
}  // namespace paravane
