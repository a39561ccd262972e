// SPDX-License-Identifier: MIT
#include "domain/label_selector.hpp"

#include <algorithm>

namespace paravane {
namespace {
constexpr std::size_t longest_selector = 4096;

Error refuse(std::string why) {
    return Error{"label_selector", std::move(why), ErrorKind::invalid}.with("field", "label_selector");
}

void skip_spaces(std::string_view& text) {
    while (text.starts_with(' ')) text.remove_prefix(1);
}

bool take(std::string_view& text, std::string_view word) {
    skip_spaces(text);
    if (!text.starts_with(word)) return false;
    text.remove_prefix(word.size());
    return true;
}

// A key or a value, as far as it goes.
std::string take_word(std::string_view& text) {
    skip_spaces(text);
    std::size_t end = 0;
    auto good = [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' ||
               c == '.' || c == '/';
    };
    while (end < text.size() && good(text[end])) ++end;
    std::string word{text.substr(0, end)};
    text.remove_prefix(end);
    return word;
}

// "in (" or "notin (".
bool take_set_word(std::string_view& text, bool& wanted) {
    std::string_view rest = text;
    std::string word = take_word(rest);
    if ((word != "in" && word != "notin") || !take(rest, "(")) return false;
    wanted = word == "in";
    text = rest;
    return true;
}
}  // namespace

Result<LabelSelector> LabelSelector::parse(std::string_view text) {
    LabelSelector selector;
    if (text.size() > longest_selector) return refuse("is longer than 4096 characters");
    bool const chooses_everything = text.empty();
    skip_spaces(text);
    if (text.empty() && !chooses_everything) return refuse("has nothing but spaces");
    while (!text.empty()) {
        Part part;
        bool absent = take(text, "!");
        part.key = take_word(text);
        if (part.key.empty()) return refuse("has no key where one should be");
        part.wanted = !absent;
        if (!absent && take(text, "!=")) {
            part.wanted = false;
            part.values.push_back(take_word(text));
        } else if (!absent && (take(text, "==") || take(text, "="))) {
            part.values.push_back(take_word(text));
        } else if (!absent && take_set_word(text, part.wanted)) {
            do { part.values.push_back(take_word(text)); } while (take(text, ","));
            if (!take(text, ")")) return refuse("has a list of values that does not end");
        }
        selector.parts_.push_back(std::move(part));
        skip_spaces(text);
        if (text.empty()) break;
        if (!take(text, ",")) return refuse("has something other than a comma after a part");
        skip_spaces(text);
        if (text.empty()) return refuse("ends with a comma");
    }
    return selector;
}

bool LabelSelector::matches(Labels const& labels) const {
    return std::ranges::all_of(parts_, [&](Part const& part) {
        auto found = labels.find(part.key);
        if (part.values.empty()) return (found != labels.end()) == part.wanted;
        bool among = found != labels.end() && std::ranges::find(part.values, found->second) != part.values.end();
        return among == part.wanted;
    });
}
}  // namespace paravane
