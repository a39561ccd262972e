// SPDX-License-Identifier: MIT
#include "os/twin.hpp"

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace paravane {
Result<Twin> Twin::start(std::function<int()> const& body) {
    pid_t const parent = getpid();
    pid_t const pid = fork();
    if (pid < 0) return Error::from_errno("fork");
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, nullptr);
        _exit(getppid() == parent ? body() : 1);
    }
    OwnedFd fd{static_cast<int>(syscall(SYS_pidfd_open, pid, 0))};
    if (!fd) {
        Error error = Error::from_errno("watch process " + std::to_string(pid));
        ::kill(pid, SIGKILL);
        waitpid(pid, nullptr, 0);
        return error;
    }
    return Twin{pid, std::move(fd)};
}

void Twin::kill() const { ::kill(pid_, SIGKILL); }

std::string Twin::end() {
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {}
    if (WIFSIGNALED(status)) return "signal " + std::to_string(WTERMSIG(status));
    return "exit code " + std::to_string(WEXITSTATUS(status));
}
}  // namespace paravane
