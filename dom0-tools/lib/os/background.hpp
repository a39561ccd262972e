// SPDX-License-Identifier: MIT
// A program that serves in the background. The process that was started waits for the word of a second one that it is
// ready, so whoever started it may connect at once.
#pragma once
#include "os/error.hpp"
#include "os/owned_fd.hpp"

namespace paravane {
class Background {
public:
    // Returns in the second process only. The first ends with 0 when that one is ready, with 1 if it ends before.
    static Result<Background> enter();

    // Leaves the terminal, too.
    Result<> report_ready() &&;
    // From here on nobody hears what this process says, and it holds no folder.
    static Result<> leave_terminal();

private:
    explicit Background(OwnedFd report) : report_{std::move(report)} {}

    OwnedFd report_;
};
}  // namespace paravane
