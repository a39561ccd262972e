// SPDX-License-Identifier: MIT
// pvctl's console: a terminal in raw mode, or plain standard input and output, tied to a domain.
#pragma once
#include <functional>
#include <string>

#include "cli/session.hpp"

namespace paravane {
struct ConsoleTarget {
    std::string uid = {}, name = {};  // one of them
    std::string shown = {};
};
// Runs until the guest ends or the user types the escape key. `attached` is called once output can no longer be missed;
// an exit code other than success ends the session. The line says the rest: --escape, --read-only and so on, if its
// command has them.
ExitCode run_console(Session& session, ConsoleTarget const& target, std::function<ExitCode()> const& attached);
}  // namespace paravane
