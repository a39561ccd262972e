// SPDX-License-Identifier: MIT
// Texts made of the table of commands.
#pragma once
#include <string>
#include <vector>

#include "cli/command.hpp"

namespace paravane {
std::string usage_line(Command const& command);  // "pvctl domain pause [OPTION]... DOMAIN..."
std::string help_for_all();
std::string help_for(Group const& group);
std::string help_for(Command const& command);
std::string manual_page();  // troff

// For a shell: what may stand at the end of these words, each with a tab and what it is behind it. The last word is the
// one to be completed. Names of domains and the like come from `live`.
using LiveNames = std::vector<std::string> (*)(void* asker, WordKind kind, std::vector<std::string> const& arguments);
struct Completer {
    LiveNames live;
    void* asker;
};
std::vector<std::string> complete(std::vector<std::string> const& words, Completer completer);
std::string completion_script(std::string_view shell);
}  // namespace paravane
