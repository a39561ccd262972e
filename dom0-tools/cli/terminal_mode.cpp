// SPDX-License-Identifier: MIT
#include "cli/terminal_mode.hpp"

#include <unistd.h>

#include <csignal>

namespace paravane {
namespace {
constexpr int ending_signals[] = {SIGTERM, SIGHUP, SIGINT, SIGQUIT};
}  // namespace

TerminalMode::TerminalMode(Kind kind) {
    has_progress_ = kind == Kind::quiet;
    // Who is in the background would be stopped for changing the mode.
    pid_t const foreground = tcgetpgrp(STDIN_FILENO);
    bool const behind = kind == Kind::quiet && foreground >= 0 && foreground != getpgrp();
    active_ = !behind && tcgetattr(STDIN_FILENO, &before_) == 0;
    for (int number : ending_signals) std::signal(number, restore_and_end);
    if (!active_) return;
    termios changed = before_;
    if (kind == Kind::raw) {
        cfmakeraw(&changed);
        changed.c_oflag |= OPOST;  // the guest's line ends come as they are, ours need a carriage return
    } else {
        changed.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHONL);
    }
    active_ = tcsetattr(STDIN_FILENO, TCSANOW, &changed) == 0;
}

TerminalMode::~TerminalMode() {
    if (active_) tcsetattr(STDIN_FILENO, TCSANOW, &before_);
    for (int number : ending_signals) std::signal(number, SIG_DFL);
}

void TerminalMode::restore_and_end(int number) {
    if (has_progress_) (void)!write(STDERR_FILENO, clear_line, sizeof clear_line - 1);
    if (active_) tcsetattr(STDIN_FILENO, TCSANOW, &before_);
    std::signal(number, SIG_DFL);
    std::raise(number);
}
}  // namespace paravane
