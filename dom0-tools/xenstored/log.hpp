// SPDX-License-Identifier: MIT
// One line, one fact: to standard error in the foreground, to syslog as a daemon.
#pragma once
#include <string_view>

namespace paravane::xenstored::log {
enum class Target { standard_error, syslog };

void open(Target target);
void info(std::string_view line);
void error(std::string_view line);
}  // namespace paravane::xenstored::log
