// SPDX-License-Identifier: MIT
#include "cli/raw_terminal.hpp"

#include <unistd.h>

#include <csignal>

namespace paravane {
RawTerminal::RawTerminal() {
    if (tcgetattr(STDIN_FILENO, &before_) < 0) return;
    for (int number : {SIGTERM, SIGHUP, SIGINT, SIGQUIT}) std::signal(number, restore_and_end);
    termios raw = before_;
    cfmakeraw(&raw);
    raw.c_oflag |= OPOST;  // the guest's line ends come as they are, ours need a carriage return
    active_ = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

RawTerminal::~RawTerminal() {
    if (active_) tcsetattr(STDIN_FILENO, TCSANOW, &before_);
    for (int number : {SIGTERM, SIGHUP, SIGINT, SIGQUIT}) std::signal(number, SIG_DFL);
}

void RawTerminal::restore_and_end(int number) {
    tcsetattr(STDIN_FILENO, TCSANOW, &before_);
    std::signal(number, SIG_DFL);
    std::raise(number);
}
}  // namespace paravane
