// SPDX-License-Identifier: MIT
// A command line, taken apart by the table of commands. Every word is checked here: what is wrong with it is wrong
// usage.
#pragma once
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command.hpp"
#include "os/error.hpp"

namespace paravane {
class Line {
public:
    Command const* command = nullptr;
    Group const* group = nullptr;  // with neither verb nor command: what help is asked of
    bool help = false;
    bool version = false;
    std::vector<std::string> arguments;

    bool has(std::string_view option) const { return !words(option).empty(); }
    // The option's word, the last if it was given several times. The table must say that the command has it.
    std::string text(std::string_view option, std::string_view otherwise = {}) const;
    std::vector<std::string> const& words(std::string_view option) const;
    std::optional<std::chrono::nanoseconds> duration(std::string_view option) const;
    std::optional<std::uint64_t> size(std::string_view option) const;
    std::optional<std::uint64_t> count(std::string_view option) const;

    void add(OptionSpec const& option, std::string word) { options_[option.name].push_back(std::move(word)); }

private:
    std::map<std::string_view, std::vector<std::string>> options_;
};

// `words` without the program's name.
Result<Line> parse_line(std::span<char const* const> words);
// What is wrong with a word of that kind, or nothing.
Result<> check_word(WordKind kind, std::string_view word);
}  // namespace paravane
