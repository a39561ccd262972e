// SPDX-License-Identifier: MIT
#include "os/ending_signals.hpp"

#include <signal.h>
#include <sys/signalfd.h>

namespace paravane {
Result<OwnedFd> receive_ending_signals(std::initializer_list<int> signals) {
    sigset_t set;
    sigemptyset(&set);
    for (int signal : signals) sigaddset(&set, signal);
    if (sigprocmask(SIG_BLOCK, &set, nullptr) < 0) return Error::from_errno("block signals");
    OwnedFd fd{signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)};
    if (!fd) return Error::from_errno("receive signals");
    return fd;
}
}  // namespace paravane
