// SPDX-License-Identifier: MIT
#include "os/child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string_view>

#include "os/start_program.hpp"
#include "portable/base/number.hpp"

namespace paravane {
Result<Child> Child::watched(pid_t pid) {
    Child child{pid, OwnedFd{}};         // which ends with this function if it cannot be watched
    child.fd_ = TRY(open_process(pid));  // nobody has reaped it yet: it is the same process
    return child;
}

Result<Child> Child::start(Program const& program) { return watched(TRY(start_program(program))); }

Result<Child> Child::twin(std::function<int()> const& body) {
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
    return watched(pid);
}

void Child::kill() const {
    if (pid_ != 0) ::kill(pid_, SIGKILL);
}

Result<Waited> Child::wait(std::chrono::steady_clock::time_point limit, std::stop_token const& stop) const {
    OwnedFd stopped{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    if (!stopped) return Error::from_errno("make an eventfd");
    std::stop_callback tell{stop, [&] { (void)eventfd_write(stopped.get(), 1); }};
    for (;;) {
        using std::chrono::milliseconds;
        auto left = std::chrono::ceil<milliseconds>(limit - std::chrono::steady_clock::now()).count();
        constexpr std::int64_t longest = 60'000;
        pollfd watched[] = {{fd_.get(), POLLIN, 0}, {stopped.get(), POLLIN, 0}};
        int count = poll(watched, std::size(watched), static_cast<int>(std::clamp<std::int64_t>(left, 0, longest)));
        if (count < 0 && errno != EINTR) return Error::from_errno("wait for a program");
        if (count > 0 && watched[0].revents != 0) return Waited::ended;
        if (count > 0 && watched[1].revents != 0) return Waited::stopped;
        if (left <= 0) return Waited::too_long;
    }
}

int Child::end() {
    kill();
    if (pid_ != 0) status_ = reap(std::exchange(pid_, 0));
    return status_;
}

OwnedFd Child::let_go() && {
    pid_ = 0;
    return std::move(fd_);
}

int reap(pid_t child) {
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    return status;
}

std::string how_it_ended(int status) {
    if (WIFSIGNALED(status)) return "signal " + std::to_string(WTERMSIG(status));
    return "exit code " + std::to_string(WEXITSTATUS(status));
}

Result<Identity> find_user(std::string const& name) {
    passwd const* const found = getpwnam(name.c_str());
    if (found == nullptr) return Error{"", "there is no user " + name, ErrorKind::precondition};
    return Identity{found->pw_uid, found->pw_gid};
}

std::optional<std::uint64_t> process_start(pid_t pid) {
    char path[32], content[2048];
    std::snprintf(path, sizeof path, "/proc/%d/stat", pid);
    OwnedFd file{open(path, O_RDONLY | O_CLOEXEC)};
    ssize_t const size = file ? read(file.get(), content, sizeof content) : -1;  // all of it at once, or nothing
    if (size <= 0) return {};
    std::string_view const text{content, static_cast<std::size_t>(size)};
    // The program's name comes second, in brackets, and may hold anything; the start is the twentieth word behind it.
    std::size_t at = text.rfind(')');
    for (int word = 0; word < 20 && at != std::string_view::npos; ++word) at = text.find(' ', at + 1);
    if (at == std::string_view::npos) return {};
    std::string_view rest = text.substr(at + 1);
    return hv::take_decimal<std::uint64_t>(rest);
}

Result<OwnedFd> open_process(pid_t pid) {
    OwnedFd fd{static_cast<int>(syscall(SYS_pidfd_open, pid, 0))};
    if (!fd) return Error::from_errno("watch process " + std::to_string(pid));
    return fd;
}
}  // namespace paravane
