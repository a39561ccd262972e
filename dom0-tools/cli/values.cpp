// SPDX-License-Identifier: MIT
#include "cli/values.hpp"

#include <google/protobuf/util/time_util.h>

#include <array>
#include <ctime>

#include "cli/text.hpp"
#include "portable/base/number.hpp"

namespace paravane {
namespace {
using std::chrono::nanoseconds;

constexpr std::uint64_t second = 1'000'000'000;
constexpr std::uint64_t longest = std::uint64_t{3652} * 86400 * second;

struct TimeUnit {
    std::string_view name;
    std::uint64_t ns;
};
// The longest first; of two that begin alike, the longer name first.
constexpr std::array units{
    TimeUnit{"d", 86400 * second}, TimeUnit{"h", 3600 * second}, TimeUnit{"ms", 1'000'000}, TimeUnit{"m", 60 * second},
    TimeUnit{"s", second},         TimeUnit{"us", 1000},         TimeUnit{"ns", 1}};

Error refuse_value(std::string_view text, std::string const& why) {
    return Error{"", "\"" + std::string{text} + "\" " + why, ErrorKind::invalid};
}

TimeUnit const* take_unit(std::string_view& text) {
    for (TimeUnit const& unit : units) {
        if (!text.starts_with(unit.name)) continue;
        text.remove_prefix(unit.name.size());
        return &unit;
    }
    return nullptr;
}
}  // namespace

Result<nanoseconds> parse_duration(std::string_view text) {
    constexpr char malformed[] = "is not a duration such as 30s, 5m or 1h30m";
    std::string_view rest = text;
    std::uint64_t sum = 0, previous = ~std::uint64_t{0};
    if (rest.empty()) return refuse_value(text, malformed);
    while (!rest.empty()) {
        bool const digit = rest.front() >= '0' && rest.front() <= '9';
        std::optional<std::uint64_t> const whole = hv::take_decimal<std::uint64_t>(rest);
        if (!whole) return refuse_value(text, digit ? "is too long a time" : malformed);
        std::string_view decimals;
        if (rest.starts_with('.')) {
            rest.remove_prefix(1);
            decimals = rest.substr(0, std::min(rest.find_first_not_of("0123456789"), rest.size()));
            if (decimals.empty() || decimals.size() > 9) return refuse_value(text, malformed);
            rest.remove_prefix(decimals.size());
        }
        TimeUnit const* unit = rest.empty() && sum == 0 ? &units[4] : take_unit(rest);
        if (unit == nullptr || unit->ns >= previous) return refuse_value(text, malformed);
        previous = unit->ns;
        if (*whole > longest / unit->ns) return refuse_value(text, "is too long a time");
        std::uint64_t part = *whole * unit->ns;
        std::uint64_t scale = unit->ns;
        for (char c : decimals) {
            if (scale % 10 != 0) return refuse_value(text, "is finer than a nanosecond");
            scale /= 10;
            part += static_cast<std::uint64_t>(c - '0') * scale;
        }
        sum += part;
        if (sum > longest) return refuse_value(text, "is too long a time");
    }
    return nanoseconds{static_cast<std::int64_t>(sum)};
}

std::string format_duration(nanoseconds duration) {
    auto left = static_cast<std::uint64_t>(std::max<std::int64_t>(duration.count(), 0));
    if (left == 0) return "0s";
    std::string text;
    for (char const* name : {"d", "h", "m", "s", "ms", "us", "ns"}) {
        std::string_view rest = name;
        TimeUnit const* unit = take_unit(rest);
        if (left / unit->ns != 0) text += std::to_string(left / unit->ns) + name;
        left %= unit->ns;
    }
    return text;
}

std::string format_age(nanoseconds duration) {
    std::int64_t seconds = std::max<std::int64_t>(duration.count(), 0) / static_cast<std::int64_t>(second);
    auto two = [](std::int64_t large, char const* name, std::int64_t small, char const* other) {
        return std::to_string(large) + name + (small != 0 ? std::to_string(small) + other : "");
    };
    if (seconds < 120) return std::to_string(seconds) + "s";
    if (seconds < 7200) return two(seconds / 60, "m", seconds % 60, "s");
    if (seconds < 172800) return two(seconds / 3600, "h", seconds / 60 % 60, "m");
    return two(seconds / 86400, "d", seconds / 3600 % 24, "h");
}

google::protobuf::Duration to_message(nanoseconds duration) {
    return google::protobuf::util::TimeUtil::NanosecondsToDuration(duration.count());
}

nanoseconds from_message(google::protobuf::Duration const& message) {
    return nanoseconds{google::protobuf::util::TimeUtil::DurationToNanoseconds(message)};
}

Result<google::protobuf::Timestamp> parse_time(std::string_view text) {
    using google::protobuf::util::TimeUtil;
    google::protobuf::Timestamp time;
    bool const date = text.find('-') != text.npos;
    if (date) {
        if (!TimeUtil::FromString(std::string{text}, &time))
            return refuse_value(text, "is not a time such as 2026-11-30T12:00:00Z");
        return time;
    }
    nanoseconds const ago = TRY(parse_duration(text));
    return TimeUtil::GetCurrentTime() - to_message(ago);
}

std::string format_time(google::protobuf::Timestamp const& time) {
    std::time_t const when = time.seconds();
    std::tm parts{};
    gmtime_r(&when, &parts);
    std::array<char, 40> text;
    std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
    return text.data();
}

nanoseconds since(google::protobuf::Timestamp const& time) {
    return from_message(google::protobuf::util::TimeUtil::GetCurrentTime() - time);
}

Result<std::optional<char>> parse_escape(std::string_view text) {
    if (text == "none") return std::optional<char>{};
    if (text.size() == 1 && text[0] > ' ' && text[0] <= '~') return std::optional{text[0]};
    if (text.size() == 2 && text[0] == '^') {
        char const upper = text[1] >= 'a' && text[1] <= 'z' ? static_cast<char>(text[1] - 'a' + 'A') : text[1];
        if (upper >= '@' && upper <= '_') return std::optional{static_cast<char>(upper - '@')};
    }
    return refuse_value(text, "is not a key such as ^], ^A or ~, or none");
}

std::string format_escape(char key) {
    return key >= 0 && key < ' ' ? "Ctrl-" + std::string(1, static_cast<char>(key + '@')) : std::string(1, key);
}

Result<Aim> parse_aim(std::string_view text) {
    if (text == "gone") return Aim{Aim::Kind::gone, ""};
    if (text == "ended") return Aim{Aim::Kind::ended, ""};
    for (std::string_view rest = phase_aims; !rest.empty();)
        if (next_word(rest) == text) return Aim{Aim::Kind::phase, std::string{text}};
    constexpr std::string_view prefix = "condition=";
    if (text.starts_with(prefix) && text.size() > prefix.size()) {
        std::string_view type = text.substr(prefix.size());
        bool const wanted = !type.ends_with("=false");
        if (!wanted) type.remove_suffix(6);
        if (!type.empty()) return Aim{Aim::Kind::condition, std::string{type}, wanted};
    }
    std::string known = "gone, ended";
    for (std::string_view rest = phase_aims; !rest.empty();) known += ", " + std::string{next_word(rest)};
    return refuse_value(text, "is none of " + known + " and condition=TYPE[=false]");
}
}  // namespace paravane
