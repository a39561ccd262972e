// SPDX-License-Identifier: MIT
// One line on standard error: one fact, for whoever keeps the daemon's log.
#pragma once
#include <cstdio>
#include <string>

namespace paravane {
inline void log_line(std::string const& text) { std::fprintf(stderr, "paravaned: %s\n", text.c_str()); }
}  // namespace paravane
