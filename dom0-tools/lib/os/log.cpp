// SPDX-License-Identifier: MIT
#include "os/log.hpp"

#include <syslog.h>

#include <algorithm>
#include <cstdio>
#include <string>

namespace paravane::log {
namespace {
char const* name = "paravane";
Target target = Target::standard_error;

void write(int priority, std::string_view line) {
    // What a client sent may be part of it: no control characters.
    std::string clean{line};
    std::replace_if(
        clean.begin(), clean.end(), [](unsigned char c) { return c < ' ' || c == 127; }, '?');
    if (target == Target::syslog) {
        syslog(priority, "%s", clean.c_str());
    } else {
        std::fprintf(stderr, "%s: %s\n", name, clean.c_str());
    }
}
}  // namespace

void open(char const* program, Target where) {
    name = program;
    target = where;
    if (where == Target::syslog) openlog(program, LOG_PID, LOG_DAEMON);
}

void info(std::string_view line) { write(LOG_INFO, line); }
void error(std::string_view line) { write(LOG_ERR, line); }
}  // namespace paravane::log
