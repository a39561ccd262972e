// SPDX-License-Identifier: MIT
// The manual page, from the table of commands.
#include <algorithm>

#include "cli/explain.hpp"
#include "cli/help.hpp"
#include "cli/text.hpp"

namespace paravane {
namespace {
// Text for troff: nothing of it is a request or a special character.
std::string troff(std::string_view text) {
    std::string result;
    for (char c : text) {
        if (c == '\\') result += "\\e";
        else if (c == '-') result += "\\-";
        else if (c == '`') result += "\\(cq";
        else if (c == '\'') result += "\\(aq";
        else if (c == '~') result += "\\(ti";
        else if (c == '^') result += "\\(ha";
        else result += c;
    }
    if (result.starts_with('.')) result.insert(0, "\\&");
    return result;
}

std::string options_of(std::span<OptionSpec const> options) {
    std::string text;
    for (OptionSpec const& option : options) {
        text += ".TP\n";
        std::string name;
        if (option.letter != 0) name = std::string{"\\fB\\-"} + option.letter + "\\fR, ";
        name += "\\fB\\-\\-" + troff(option.name) + "\\fR";
        if (option.kind != WordKind::flag) name += " \\fI" + troff(option.value) + "\\fR";
        text += name + "\n" + troff(option.help) + ".\n";
    }
    return text;
}

std::string verbatim(std::string const& block) {
    std::string text = ".nf\n";
    for (std::string_view rest = block; !rest.empty();) {
        std::string_view const line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(rest.size(), line.size() + 1));
        text += line.empty() ? ".sp\n" : troff(line) + "\n";
    }
    return text + ".fi\n";
}

std::string command_text(Command const& command) {
    std::string text = ".SS " + troff(usage_line(command)) + "\n" + troff(command.help) + ".\n";
    std::string_view names = command.names;
    next_word(names);
    if (!names.empty()) text += "Also called: " + troff(names) + ".\n";
    if (!command.more.empty()) text += ".PP\n" + troff(command.more) + "\n";
    for (std::span<OptionSpec const> set : command.options) text += options_of(set);
    return text;
}
}  // namespace

std::string manual_page() {
    std::string text =
        ".TH PVCTL 1 \"\" \"Paravane " PARAVANE_VERSION
        "\" \"Paravane\"\n.SH NAME\n"
        "pvctl \\- control the domains of a Paravane host\n.SH SYNOPSIS\n"
        "\\fBpvctl\\fR [\\fIOPTION\\fR]... \\fICOMMAND\\fR [\\fIWORD\\fR]...\n.SH OPTIONS OF ALL COMMANDS\n";
    text += options_of(common_options());
    auto add = [&](std::string_view title, std::string_view group) {
        std::string heading{title};
        for (char& c : heading)
            if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
        text += ".SH " + troff(heading) + "\n";
        for (Command const& command : commands())
            if (command.group == group) text += command_text(command);
    };
    for (Group const& group : groups()) add(group.help, group.name());
    add("Other commands", "");
    text += ".SH DOMAIN FILES\n" + verbatim(domain_file_text());
    text += ".SH EXIT STATUS\n";
    for (ExitCodeText const& each : exit_code_texts())
        text += ".TP\n\\fB" + std::to_string(static_cast<int>(each.code)) + "\\fR\n" + troff(each.text) + ".\n";
    text +=
        ".SH ENVIRONMENT\n.TP\n\\fBPARAVANE_HOST\\fR, \\fBPARAVANE_SOCKET\\fR\nAs \\-\\-host and \\-\\-socket.\n"
        ".TP\n\\fBNO_COLOR\\fR\nIf it is not empty, there are no colours unless \\-\\-color says so.\n"
        ".SH FILES\n.TP\n\\fI/run/paravane/paravaned.sock\\fR\nWhere paravaned listens.\n";
    return text;
}
}  // namespace paravane
