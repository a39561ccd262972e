// SPDX-License-Identifier: MIT
#include "log.hpp"

#include <syslog.h>

#include <algorithm>
#include <cstdio>
#include <string>

namespace paravane::xenstored::log {
namespace {
Target target = Target::standard_error;

void write(int priority, std::string_view line) {
    // What a client sent may be part of it: no control characters.
    std::string clean{line};
    std::replace_if(
        clean.begin(), clean.end(), [](unsigned char c) { return c < ' ' || c == 127; }, '?');
    if (target == Target::syslog) {
        syslog(priority, "%s", clean.c_str());
    } else {
        std::fprintf(stderr, "xenstored: %s\n", clean.c_str());
    }
}
}  // namespace

void open(Target where) {
    target = where;
    if (where == Target::syslog) openlog("xenstored", LOG_PID, LOG_DAEMON);
}

void info(std::string_view line) { write(LOG_INFO, line); }
void error(std::string_view line) { write(LOG_ERR, line); }
}  // namespace paravane::xenstored::log
