// SPDX-License-Identifier: MIT
// Durations, points in time and other single values as people type them. Errors are kind invalid and quote the word.
#pragma once
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "os/error.hpp"

namespace paravane {
// "90s", "5m", "1h30m", "1.5s", "250ms", "2d"; a bare number is seconds. At most ten years.
Result<std::chrono::nanoseconds> parse_duration(std::string_view text);
std::string format_duration(std::chrono::nanoseconds duration);  // "1h30m"; parse_duration reads it as it was
std::string format_age(std::chrono::nanoseconds duration);       // about, for tables: "3d4h"

google::protobuf::Duration to_message(std::chrono::nanoseconds duration);
std::chrono::nanoseconds from_message(google::protobuf::Duration const& message);

// "2026-11-30T12:00:00Z", or a duration: so long ago.
Result<google::protobuf::Timestamp> parse_time(std::string_view text);
std::string format_time(google::protobuf::Timestamp const& time);  // in UTC, whole seconds
std::chrono::nanoseconds since(google::protobuf::Timestamp const& time);

// The key that leaves a console: "^]", "^A", a character, or "none".
Result<std::optional<char>> parse_escape(std::string_view text);
std::string format_escape(char key);  // "Ctrl-]"

// What `pvctl wait` waits for.
struct Aim {
    enum class Kind { phase, condition, gone, ended } kind;
    std::string name;   // of the phase, or the type of the condition
    bool value = true;  // of the condition
};
Result<Aim> parse_aim(std::string_view text);
constexpr std::string_view phase_aims = "running paused stopped pending failed crashed dying";
}  // namespace paravane
