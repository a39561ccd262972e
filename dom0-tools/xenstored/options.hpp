// SPDX-License-Identifier: MIT
// The command line. Options that Debian's xenstored has too have the same names.
#pragma once
#include <string>

#include "os/error.hpp"
#include "quota.hpp"

namespace paravane::xenstored {
struct Options {
    std::string pid_file;
    bool foreground = false;
    bool domains = true;  // serve rings, not only the socket
    bool help = false;
    Limits limits;
};

Result<Options> parse_options(int argc, char** argv);
extern char const* const help_text;
}  // namespace paravane::xenstored
