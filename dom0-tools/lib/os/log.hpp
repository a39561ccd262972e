// SPDX-License-Identifier: MIT
// One line, one fact: to standard error in the foreground, to syslog as a daemon.
#pragma once
#include <string_view>

namespace paravane::log {
enum class Target { standard_error, syslog };

// `program` stands before each line, and must outlive the process.
void open(char const* program, Target target = Target::standard_error);
void info(std::string_view line);
void error(std::string_view line);
}  // namespace paravane::log
