// SPDX-License-Identifier: MIT
#include "cli/command.hpp"

#include <algorithm>

#include "cli/text.hpp"

namespace paravane {
namespace {
bool has_word(std::string_view words, std::string_view word) {
    while (!words.empty())
        if (next_word(words) == word) return true;
    return false;
}

OptionSpec const* find_option(std::span<OptionSpec const> options, std::string_view name) {
    auto found = std::ranges::find(options, name, &OptionSpec::name);
    return found == options.end() ? nullptr : &*found;
}
}  // namespace

bool Command::is_called(std::string_view word) const { return has_word(names, word); }
bool Group::is_called(std::string_view word) const { return has_word(names, word); }

OptionSpec const* Command::option(std::string_view name) const {
    for (std::span<OptionSpec const> set : options)
        if (OptionSpec const* found = find_option(set, name)) return found;
    return find_option(common_options(), name);
}

Command const* find_command(std::string_view group, std::string_view verb) {
    for (Command const& command : commands()) {
        bool const here = group.empty() ? command.short_form : command.group == group;
        if (here && command.is_called(verb)) return &command;
    }
    return nullptr;
}

Group const* find_group(std::string_view word) {
    auto found = std::ranges::find_if(groups(), [&](Group const& group) { return group.is_called(word); });
    return found == groups().end() ? nullptr : &*found;
}
}  // namespace paravane
