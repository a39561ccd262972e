// SPDX-License-Identifier: MIT
// What a shell may complete, from the table of commands and the names that the host has.
#include <paravane/v1/devices.grpc.pb.h>
#include <paravane/v1/operations.grpc.pb.h>

#include <optional>

#include "cli/actions.hpp"
#include "cli/completion.hpp"
#include "cli/explain.hpp"
#include "cli/help.hpp"
#include "cli/lists.hpp"
#include "cli/render.hpp"

namespace paravane {
namespace {
using Words = std::vector<std::string>;

class Completion {
public:
    Completion(Words const& words, Completer completer) : completer_{completer} {
        for (std::string const& word : words)
            if (word != "=") words_.push_back(word);  // bash takes "--output=json" apart
        if (!words.empty() && words.back() == "=") words_.emplace_back();
        if (words_.empty()) words_.emplace_back();
    }

    Words complete() {
        std::string const last = words_.back();
        words_.pop_back();
        OptionSpec const* open = walk();
        if (open != nullptr) add_values(open->kind, "", last);
        else if (std::size_t const at = last.find('='); last.starts_with("--") && at != last.npos) {
            OptionSpec const* option = find(last.substr(2, at - 2));
            if (option != nullptr) add_values(option->kind, last.substr(0, at + 1), last);
        } else if (last.starts_with('-')) add_options(last);
        else if (command_ == nullptr) add_commands(last);
        else add_arguments(last);
        return std::move(found_);
    }

private:
    OptionSpec const* find(std::string_view name) const {
        if (command_ != nullptr) return command_->option(name);
        for (OptionSpec const& option : common_options())
            if (option.name == name) return &option;
        return nullptr;
    }

    OptionSpec const* find(char letter) const {
        for (OptionSpec const& option : common_options())
            if (option.letter == letter) return &option;
        if (command_ == nullptr) return nullptr;
        for (std::span<OptionSpec const> set : command_->options)
            for (OptionSpec const& option : set)
                if (option.letter == letter) return &option;
        return nullptr;
    }

    // Takes the words before the last; returns the option whose word the last one is.
    OptionSpec const* walk() {
        OptionSpec const* open = nullptr;
        for (std::string const& word : words_) {
            if (std::exchange(open, nullptr) != nullptr) continue;
            bool const is_option = word.size() > 1 && word[0] == '-';
            if (is_option) {
                bool const whole = word.find('=') != word.npos || (word[1] != '-' && word.size() > 2);
                OptionSpec const* option = word[1] == '-' ? find(std::string_view{word}.substr(2)) : find(word[1]);
                if (!whole && option != nullptr && option->kind != WordKind::flag) open = option;
            } else if (command_ != nullptr) {
                arguments_.push_back(word);
            } else {
                command_ = find_command(group_ == nullptr ? "" : group_->name(), word);
                if (command_ == nullptr && group_ == nullptr) group_ = find_group(word);
            }
        }
        return open;
    }

    void add(std::string_view last, std::string const& word, std::string_view about = {}) {
        if (word.starts_with(last)) found_.push_back(word + "\t" + std::string{about});
    }

    void add_options(std::string_view last) {
        auto add_all = [&](std::span<OptionSpec const> set) {
            for (OptionSpec const& option : set) add(last, "--" + std::string{option.name}, option.help);
        };
        if (command_ != nullptr)
            for (std::span<OptionSpec const> set : command_->options) add_all(set);
        add_all(common_options());
    }

    void add_commands(std::string_view last) {
        for (Command const& command : commands()) {
            bool const here = group_ == nullptr ? command.short_form : command.group == group_->name();
            if (here) add(last, std::string{command.name()}, command.help);
        }
        if (group_ == nullptr)
            for (Group const& group : groups()) add(last, std::string{group.name()}, group.help);
    }

    void add_arguments(std::string_view last) {
        std::span<ArgumentSpec const> const arguments = command_->arguments;
        std::size_t at = arguments_.size();
        if (at >= arguments.size() && !arguments.empty() && arguments.back().repeated) at = arguments.size() - 1;
        if (at < arguments.size()) add_values(arguments[at].kind, "", last);
    }

    void add_list(std::string const& prefix, std::string_view last, std::string_view words) {
        while (!words.empty()) add(last, prefix + std::string{next_word(words)});
    }

    void add_values(WordKind kind, std::string const& prefix, std::string_view last) {
        switch (kind) {
            case WordKind::format: return add_list(prefix, last, "table wide json yaml name");
            case WordKind::color: return add_list(prefix, last, "auto always never");
            case WordKind::shell: return add_list(prefix, last, "bash zsh fish");
            case WordKind::aim: {
                add_list(prefix, last, phase_aims);
                return add_list(prefix, last, "ended gone condition=Ready condition=Held");
            }
            case WordKind::topic:
                for (std::string const& topic : topics()) add(last, prefix + topic);
                return;
            case WordKind::command: return add_commands_of_all(last);
            case WordKind::domain:
            case WordKind::device:
            case WordKind::operation:
                for (std::string const& name : completer_.live(completer_.asker, kind, arguments_))
                    add(last, prefix + name.substr(0, name.find('\t')),
                        name.find('\t') == name.npos ? std::string_view{}
                                                     : std::string_view{name}.substr(name.find('\t') + 1));
                return;
            default: return;  // the shell's own: files, or nothing
        }
    }

    void add_commands_of_all(std::string_view last) {
        for (Command const& command : commands())
            if (command.short_form) add(last, std::string{command.name()}, command.help);
        for (Group const& group : groups()) add(last, std::string{group.name()}, group.help);
    }

    Words words_;
    Completer completer_;
    Group const* group_ = nullptr;
    Command const* command_ = nullptr;
    Words arguments_, found_;
};

Words domain_names(Session& session) {
    v1::ListDomainsResponse all;
    Words names;
    if (!list_domains(session, "", all).ok()) return names;
    for (v1::Domain const& domain : all.domains())
        if (!domain.metadata().name().empty()) names.push_back(display_name(domain) + "\t" + state_of(domain));
    return names;
}

Words device_names(Session& session, std::string const& domain) {
    v1::ListDevicesRequest request;
    v1::ListDevicesResponse response;
    Words names;
    if (!session.name_domain(request, domain).ok()) return names;
    (void)session.call(&v1::Devices::Stub::ListDevices, request, response);
    for (v1::Device const& device : response.devices()) names.push_back(printable(device.spec().id()));
    return names;
}

Words operation_names(Session& session) {
    v1::ListOperationsRequest request;
    v1::ListOperationsResponse response;
    (void)session.call(&v1::Operations::Stub::ListOperations, request, response);
    Words names;
    for (v1::Operation const& operation : response.operations())
        names.push_back(printable(operation.uid()) + "\t" + short_name(operation));
    return names;
}

Words live_names(void* asker, WordKind kind, Words const& arguments) {
    Session& session = *static_cast<Session*>(asker);
    if (kind == WordKind::domain) return domain_names(session);
    if (kind == WordKind::device && !arguments.empty()) return device_names(session, arguments[0]);
    if (kind == WordKind::operation) return operation_names(session);
    return {};
}

constexpr char bash_script[] = R"script(_pvctl() {
    local IFS=$'\n'
    COMPREPLY=($(pvctl __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f1))
}
complete -o default -F _pvctl pvctl
)script";

constexpr char zsh_script[] = R"script(#compdef pvctl
_pvctl() {
    local line
    local -a candidates
    for line in ${(f)"$(pvctl __complete "${(@)words[2,CURRENT]}" 2>/dev/null)"}; do
        candidates+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
    done
    if (( $#candidates )); then _describe pvctl candidates; else _files; fi
}
if [ "$funcstack[1]" = _pvctl ]; then _pvctl "$@"; else compdef _pvctl pvctl; fi
)script";

constexpr char fish_script[] = R"script(function __pvctl_complete
    set -l words (commandline -opc) (commandline -ct)
    pvctl __complete $words[2..-1] 2>/dev/null
end
complete -c pvctl -a '(__pvctl_complete)'
)script";
}  // namespace

std::vector<std::string> complete(Words const& words, Completer completer) {
    return Completion{words, completer}.complete();
}

std::string completion_script(std::string_view shell) {
    return shell == "zsh" ? zsh_script : shell == "fish" ? fish_script : bash_script;
}

ExitCode answer_completion(Session& session, Words const& words) {
    for (std::string const& candidate : complete(words, {live_names, &session}))
        session.output().write(candidate + "\n");
    return ExitCode::success;
}

ExitCode run_completion(Session& session) {
    session.output().write(completion_script(session.argument(0)));
    return ExitCode::success;
}
}  // namespace paravane
