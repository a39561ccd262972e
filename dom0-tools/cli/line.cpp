// SPDX-License-Identifier: MIT
#include "cli/line.hpp"

#include <algorithm>
#include <cstdlib>

#include "cli/suggest.hpp"
#include "cli/text.hpp"
#include "cli/values.hpp"
#include "domain/size.hpp"
#include "domain/utf8.hpp"
#include "portable/base/number.hpp"

namespace paravane {
namespace {
Error refuse(std::string why) { return Error{"", std::move(why), ErrorKind::invalid}; }

std::string quoted(std::string_view word) { return "\"" + std::string{word} + "\""; }

class Parser {
public:
    explicit Parser(std::span<char const* const> words) : words_{words} {}

    Result<Line> parse() {
        while (!words_.empty()) {
            std::string_view const word = words_.front();
            words_ = words_.subspan(1);
            if (!only_arguments_ && word == "--") only_arguments_ = true;
            else if (!only_arguments_ && word.starts_with("--")) TRY(take_long(word.substr(2)));
            else if (!only_arguments_ && word.size() > 1 && word.front() == '-') TRY(take_letters(word));
            else TRY(take_word(word));
        }
        if (!line_.help && !line_.version) TRY(check_whole());
        return std::move(line_);
    }

private:
    // Options of all commands may stand anywhere; a command's own stand behind it.
    OptionSpec const* find(std::string_view name) const {
        if (line_.command != nullptr) return line_.command->option(name);
        auto found = std::ranges::find(common_options(), name, &OptionSpec::name);
        return found == common_options().end() ? nullptr : &*found;
    }

    OptionSpec const* find(char letter) const {
        std::vector<std::span<OptionSpec const>> sets{common_options()};
        if (line_.command != nullptr)
            sets.insert(sets.end(), line_.command->options.begin(), line_.command->options.end());
        for (std::span<OptionSpec const> set : sets)
            for (OptionSpec const& option : set)
                if (option.letter == letter) return &option;
        return nullptr;
    }

    Error unknown(std::string const& option) const {
        std::vector<std::string_view> known;
        for (OptionSpec const& each : common_options()) known.push_back(each.name);
        if (line_.command != nullptr)
            for (std::span<OptionSpec const> set : line_.command->options)
                for (OptionSpec const& own : set) known.push_back(own.name);
        std::string_view const near =
            option.starts_with("--") ? nearest(std::string_view{option}.substr(2), known) : "";
        std::string const where = line_.command == nullptr ? "" : std::string{line_.command->name()} + ": ";
        return refuse(where + "there is no option " + quoted(option) +
                      (near.empty() ? "" : "; did you mean \"--" + std::string{near} + "\"?"));
    }

    Result<> take_long(std::string_view text) {
        std::size_t const at = text.find('=');
        std::string_view const name = text.substr(0, at);
        OptionSpec const* option = find(name);
        if (option == nullptr) return unknown("--" + std::string{name});
        if (option->kind != WordKind::flag) {
            std::optional<std::string_view> const word = at == text.npos ? take_next() : text.substr(at + 1);
            if (!word) return refuse("--" + std::string{name} + " needs a " + std::string{option->value});
            return take_option(*option, *word);
        }
        if (at != text.npos) return refuse("--" + std::string{name} + " takes no value");
        return take_option(*option, "");
    }

    // "-o json", "-ojson", "-fn".
    Result<> take_letters(std::string_view word) {
        for (std::size_t i = 1; i < word.size(); ++i) {
            OptionSpec const* option = find(word[i]);
            if (option == nullptr) return unknown(std::string{"-"} + word[i]);
            if (option->kind == WordKind::flag) {
                TRY(take_option(*option, ""));
                continue;
            }
            std::string_view rest = word.substr(i + 1);
            if (rest.starts_with('=')) rest.remove_prefix(1);
            std::optional<std::string_view> const value = rest.empty() ? take_next() : rest;
            if (!value) return refuse(std::string{"-"} + word[i] + " needs a " + std::string{option->value});
            return take_option(*option, *value);
        }
        return {};
    }

    std::optional<std::string_view> take_next() {
        if (words_.empty()) return std::nullopt;
        std::string_view const word = words_.front();
        words_ = words_.subspan(1);
        return word;
    }

    Result<> take_option(OptionSpec const& option, std::string_view word) {
        if (option.name == "help") line_.help = true;
        if (option.name == "version") line_.version = true;
        Result<> checked = check_word(option.kind, word);
        if (!checked) return std::move(checked).error().within("--" + std::string{option.name});
        // Of two the last would count, and choose more than both together.
        if (option.kind == WordKind::selector && !line_.words(option.name).empty())
            return refuse("--" + std::string{option.name} + " is given twice: join the parts with a comma");
        line_.add(option, std::string{word});
        return {};
    }

    Result<> take_word(std::string_view word) {
        if (line_.command == nullptr) return take_command(word);
        std::span<ArgumentSpec const> const arguments = line_.command->arguments;
        std::size_t at = line_.arguments.size();
        if (at >= arguments.size() && !arguments.empty() && arguments.back().repeated) at = arguments.size() - 1;
        if (at >= arguments.size())
            return refuse(std::string{line_.command->name()} + ": " + quoted(word) + " is one word too many");
        Result<> checked = check_word(arguments[at].kind, word);
        if (!checked) return std::move(checked).error().within(arguments[at].name).within(line_.command->name());
        line_.arguments.emplace_back(word);
        return {};
    }

    Result<> take_command(std::string_view word) {
        line_.command = find_command(line_.group == nullptr ? "" : line_.group->name(), word);
        if (line_.command != nullptr) return {};
        if (line_.group == nullptr) line_.group = find_group(word);
        else return no_command(std::string{line_.group->name()} + " " + std::string{word}, word);
        if (line_.group == nullptr) return no_command(word, word);
        return {};
    }

    Error no_command(std::string_view whole, std::string_view word) const {
        std::vector<std::string_view> known;
        for (Command const& command : commands()) {
            bool const here = line_.group == nullptr ? command.short_form : command.group == line_.group->name();
            if (here) known.push_back(command.name());
        }
        if (line_.group == nullptr)
            for (Group const& group : groups()) known.push_back(group.name());
        std::string_view const near = nearest(word, known);
        return refuse("there is no command " + quoted(whole) +
                      (near.empty() ? "" : "; did you mean " + quoted(near) + "?"));
    }

    Result<> check_whole() const {
        if (line_.command == nullptr)
            return refuse(line_.group == nullptr ? "a command is missing"
                                                 : std::string{line_.group->name()} + ": a command is missing");
        std::span<ArgumentSpec const> const arguments = line_.command->arguments;
        if (line_.arguments.size() < arguments.size() && arguments[line_.arguments.size()].required)
            return refuse(std::string{line_.command->name()} + ": " +
                          std::string{arguments[line_.arguments.size()].name} + " is missing");
        std::string const format = line_.text("output", "table");
        constexpr std::pair<std::string_view, std::uint8_t> bits[] = {{"table", text_format},
                                                                      {"wide", wide_format},
                                                                      {"json", json_format},
                                                                      {"yaml", yaml_format},
                                                                      {"name", name_format}};
        for (auto const& [name, bit] : bits)
            if (name == format && (line_.command->formats & bit) == 0)
                return refuse(std::string{line_.command->name()} + " has no output format \"" + format + "\"");
        return {};
    }

    std::span<char const* const> words_;
    bool only_arguments_ = false;
    Line line_;
};

Result<> one_of(std::string_view word, std::string_view known) {
    std::string list;
    for (std::string_view rest = known; !rest.empty();) {
        std::string_view const each = next_word(rest);
        if (each == word) return {};
        list += (list.empty() ? "" : ", ") + std::string{each};
    }
    return refuse(quoted(word) + " is none of " + list);
}

template <class T>
Result<> only_checked(Result<T> const& result) {
    if (!result) return result.error();
    return {};
}
}  // namespace

Result<> check_word(WordKind kind, std::string_view word) {
    if (kind != WordKind::file && kind != WordKind::host && !is_utf8(word)) return refuse("is not valid UTF-8");
    switch (kind) {
        case WordKind::token:
        case WordKind::file:
        case WordKind::domain:
        case WordKind::device:
        case WordKind::operation:
        // Of a script's unset variable: it would choose all there are.
        case WordKind::selector:
            return word.find_first_not_of(' ') == word.npos ? Result<>{refuse("is empty")} : Result<>{};
        case WordKind::duration: return only_checked(parse_duration(word));
        case WordKind::time: return only_checked(parse_time(word));
        case WordKind::size: return only_checked(parse_size(word));
        case WordKind::escape: return only_checked(parse_escape(word));
        case WordKind::count: {
            bool const number = hv::parse_decimal<std::uint32_t>(word).has_value();
            return number ? Result<>{} : Result<>{refuse(quoted(word) + " is not a number from 0 to 4294967295")};
        }
        case WordKind::format: return one_of(word, "table wide json yaml name");
        case WordKind::color: return one_of(word, "auto always never");
        case WordKind::shell: return one_of(word, "bash zsh fish");
        case WordKind::aim: return only_checked(parse_aim(word));
        case WordKind::setting: {
            std::size_t const at = word.find('=');
            bool const good = at != word.npos && at != 0;
            return good ? Result<>{} : Result<>{refuse(quoted(word) + " is not KEY=VALUE")};
        }
        default: return {};
    }
}

std::vector<std::string> const& Line::words(std::string_view option) const {
    static std::vector<std::string> const none;
    // An option that the table does not give to this command would never be found: a mistake in this program.
    if (command != nullptr && command->option(option) == nullptr) std::abort();
    auto const found = options_.find(option);
    return found == options_.end() ? none : found->second;
}

std::string Line::text(std::string_view option, std::string_view otherwise) const {
    std::vector<std::string> const& all = words(option);
    return all.empty() ? std::string{otherwise} : all.back();
}

std::optional<std::chrono::nanoseconds> Line::duration(std::string_view option) const {
    if (!has(option)) return std::nullopt;
    return *parse_duration(text(option));
}

std::optional<std::uint64_t> Line::size(std::string_view option) const {
    if (!has(option)) return std::nullopt;
    return *parse_size(text(option));
}

std::optional<std::uint64_t> Line::count(std::string_view option) const {
    if (!has(option)) return std::nullopt;
    return hv::parse_decimal<std::uint64_t>(text(option));
}

Result<Line> parse_line(std::span<char const* const> words) { return Parser{words}.parse(); }
}  // namespace paravane
