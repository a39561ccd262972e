// SPDX-License-Identifier: MIT
#pragma once
#include <string>
#include <vector>

#include "cli/exit_code.hpp"

namespace paravane {
class Session;

// `pvctl __complete WORD...`: what a shell's script calls.
ExitCode answer_completion(Session& session, std::vector<std::string> const& words);
}  // namespace paravane
