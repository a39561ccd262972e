// SPDX-License-Identifier: MIT
// What pvctl's end tells a script. Documented in `pvctl help exit-codes` and docs/pvctl.md: these numbers do not
// change.
#pragma once
#include <span>
#include <string_view>

namespace paravane {
enum class ExitCode : int {
    success = 0,
    failed = 1,
    usage = 2,
    not_found = 3,
    already_exists = 4,
    invalid = 5,
    wrong_state = 6,
    no_resources = 7,
    timed_out = 8,
    unreachable = 9,
    differs = 10,
    not_allowed = 11,
    overtaken = 12,
    unsupported = 13,
    output_lost = 14,
};

struct ExitCodeText {
    ExitCode code;
    std::string_view text;
};
std::span<ExitCodeText const> exit_code_texts();
}  // namespace paravane
