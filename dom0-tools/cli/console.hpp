// SPDX-License-Identifier: MIT
// pvctl's console: a terminal in raw mode, or plain standard input and output, tied to a domain.
#pragma once
#include "cli/client.hpp"

#include <functional>
#include <string>

namespace paravane {
// Runs until the domain ends or the user types Ctrl-]. `attached` is called once output can no longer be missed;
// an exit code other than success ends the session.
ExitCode run_console(Client& client, std::string const& name, std::function<ExitCode()> const& attached);
}  // namespace paravane
