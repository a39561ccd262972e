// SPDX-License-Identifier: MIT
#include "os/background.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "os/io.hpp"

namespace paravane {
Result<Background> Background::enter() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) return Error::from_errno("make a pipe");
    OwnedFd ready{ends[0]}, report{ends[1]};
    pid_t child = fork();
    if (child < 0) return Error::from_errno("fork");
    if (child == 0) {
        setsid();
        return Background{std::move(report)};
    }
    report = OwnedFd{};
    _exit(read_to_end(ready.get(), 1).empty() ? 1 : 0);
}

Result<> Background::leave_terminal() {
    if (chdir("/") < 0) return Error::from_errno("change to /");
    OwnedFd null{open("/dev/null", O_RDWR | O_CLOEXEC)};
    if (!null) return Error::from_errno("open /dev/null");
    for (int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(null.get(), standard);
    return {};
}

Result<> Background::report_ready() && {
    TRY(leave_terminal());
    Result<> told = write_all(report_.get(), "+");
    report_ = OwnedFd{};
    return told;
}
}  // namespace paravane
