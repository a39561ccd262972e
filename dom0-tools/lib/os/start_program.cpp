// SPDX-License-Identifier: MIT
#include "os/start_program.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace paravane {
namespace {
constexpr int first_handed = 3;
constexpr int out_of_the_way = 200;
constexpr std::size_t most_handed = 32;

// What the child works with, made before it is there. It shares our memory until it runs the program, or ends, and we
// stand still meanwhile (vfork: a copy of the page tables would cost more than all the rest, in a PV guest above all).
// So it allocates nothing, takes no lock, and makes system calls by number where the library's wrapper would tell all
// other threads. No signal comes to it before it has handlers of its own.
struct Start {
    Program const& program;
    std::string count, names, path = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
    std::vector<char*> words;
    char pid[32] = "";
    char const* failed = nullptr;  // the step; "": the program itself
    int error = 0;                 // its errno

    explicit Start(Program const& wanted)
        : program{wanted}, count{"LISTEN_FDS=" + std::to_string(wanted.handed.size())}, names{"LISTEN_FDNAMES="} {
        for (Handed const& one : wanted.handed) names += (names.ends_with('=') ? "" : ":") + one.name;
        for (std::string const& word : wanted.words) words.push_back(const_cast<char*>(word.c_str()));
        words.push_back(nullptr);
    }

    void run();

private:
    bool check(char const* step, long result) {
        if (result >= 0) return true;
        failed = step;
        error = errno;
        return false;
    }
    bool reset_signals();
    bool hand_over();
    bool limit(__rlimit_resource what, std::uint64_t value) {
        rlimit const both{value, value};
        return check("limit what it may take", setrlimit(what, &both));
    }
    bool become(Identity const& identity);
};

bool Start::reset_signals() {
    for (int number = 1; number < NSIG; ++number) {
        if (number != SIGKILL && number != SIGSTOP) signal(number, SIG_DFL);  // some are the library's: no matter
    }
    sigset_t none;
    sigemptyset(&none);
    return check("let signals in", sigprocmask(SIG_SETMASK, &none, nullptr));
}

bool Start::hand_over() {
    int const null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (!check("open /dev/null", null)) return false;
    // Out of the way first: one's place may be another's number.
    int aside[most_handed];
    for (std::size_t i = 0; i < program.handed.size(); ++i)
        aside[i] = fcntl(program.handed[i].fd, F_DUPFD_CLOEXEC, out_of_the_way);
    int const complaints =
        fcntl(program.standard_error >= 0 ? program.standard_error : null, F_DUPFD_CLOEXEC, out_of_the_way);
    for (auto [from, to] : {std::pair{null, STDIN_FILENO}, {null, STDOUT_FILENO}, {complaints, STDERR_FILENO}}) {
        if (!check("open its standard files", dup2(from, to))) return false;
    }
    for (std::size_t i = 0; i < program.handed.size(); ++i) {
        if (!check("hand over a descriptor", dup2(aside[i], first_handed + static_cast<int>(i)))) return false;
    }
    return check("close the others", close_range(first_handed + static_cast<unsigned>(program.handed.size()), ~0u, 0));
}

bool Start::become(Identity const& identity) {
    // Bounds first: they cannot be changed any more when the rest is gone.
    for (unsigned long capability = 0; prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0;) ++capability;
    auto const [user, group] = identity;
    return check("become another user", syscall(SYS_setgroups, 0, nullptr)) &&
           check("become another user", syscall(SYS_setresgid, group, group, group)) &&
           check("become another user", syscall(SYS_setresuid, user, user, user));
}

// In the child; returns if it failed.
void Start::run() {
    if (program.write_down && (error = program.write_down()) != 0) {
        failed = "write it down";
        return;
    }
    if (!hand_over() || !reset_signals()) return;
    setsid();
    umask(0077);
    if (!check("change to /", chdir("/")) || !limit(RLIMIT_CORE, 0) || !limit(RLIMIT_NOFILE, program.open_files))
        return;
    if (program.memory_limit != 0 && !limit(RLIMIT_AS, program.memory_limit)) return;
    if (program.becomes && !become(*program.becomes)) return;
    if (!check("give up new privileges", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))) return;
    std::snprintf(pid, sizeof pid, "LISTEN_PID=%d", getpid());
    char* const environment[] = {path.data(), pid, count.data(), names.data(), nullptr};
    check("", execve(words.front(), words.data(), environment));
}
}  // namespace

Result<pid_t> start_program(Program const& program) {
    std::string const step = "start " + program.words.front();
    if (program.handed.size() > most_handed)
        return Error{step, "too many descriptors to hand over", ErrorKind::invalid};
    Start start{program};
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    pid_t const pid = vfork();
    if (pid == 0) {
        start.run();
        _exit(127);
    }
    int const number = errno;
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (pid < 0) return Error::from_errno(step, number);
    if (start.failed == nullptr) return pid;
    reap(pid);
    return Error::from_errno(*start.failed == '\0' ? step : step + ": " + start.failed, start.error);
}
}  // namespace paravane
