// SPDX-License-Identifier: MIT
#include "os/child.hpp"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <string_view>

#include "os/io.hpp"
#include "portable/base/number.hpp"

namespace paravane {
namespace {
constexpr int first_handed = 3;
constexpr int out_of_the_way = 200;
constexpr std::size_t most_handed = 32;
constexpr int cannot_start = 127;

[[noreturn]] void give_up(char const* step) {
    dprintf(STDERR_FILENO, "%s: %s\n", step, std::strerror(errno));
    _exit(cannot_start);
}

void limit(__rlimit_resource what, std::uint64_t value) {
    rlimit const both{value, value};
    if (setrlimit(what, &both) < 0) give_up("limit what it may take");
}

void become(Identity const& identity) {
    // Bounds first: they cannot be changed any more when the rest is gone.
    for (unsigned long capability = 0; prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0;) ++capability;
    if (setgroups(0, nullptr) < 0 || setresgid(identity.group, identity.group, identity.group) < 0 ||
        setresuid(identity.user, identity.user, identity.user) < 0)
        give_up("become another user");
}

// What the child needs, made before it is: it may allocate nothing, since other threads' locks are held for ever in it.
struct Prepared {
    std::string path = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", count, names;
    std::vector<char*> words;

    explicit Prepared(ChildSpec const& spec)
        : count{"LISTEN_FDS=" + std::to_string(spec.handed.size())}, names{"LISTEN_FDNAMES="} {
        for (Handed const& one : spec.handed) names += (names.ends_with('=') ? "" : ":") + one.name;
        for (std::string const& word : spec.words) words.push_back(const_cast<char*>(word.c_str()));
        words.push_back(nullptr);
    }
};

void hand_over(ChildSpec const& spec) {
    int const null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0) give_up("open /dev/null");
    // Out of the way first: one's place may be another's number.
    int aside[most_handed];
    for (std::size_t i = 0; i < spec.handed.size(); ++i)
        aside[i] = fcntl(spec.handed[i].fd, F_DUPFD_CLOEXEC, out_of_the_way);
    int const complaints =
        fcntl(spec.standard_error >= 0 ? spec.standard_error : null, F_DUPFD_CLOEXEC, out_of_the_way);
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    dup2(complaints, STDERR_FILENO);
    for (std::size_t i = 0; i < spec.handed.size(); ++i) {
        if (dup2(aside[i], first_handed + static_cast<int>(i)) < 0) give_up("hand over a descriptor");
    }
    close_range(first_handed + static_cast<unsigned>(spec.handed.size()), ~0u, 0);
}

[[noreturn]] void run(ChildSpec const& spec, Prepared& prepared) {
    hand_over(spec);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    setsid();
    umask(0077);
    if (chdir("/") < 0) give_up("change to /");
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_NOFILE, spec.open_files);
    if (spec.memory_limit != 0) limit(RLIMIT_AS, spec.memory_limit);
    if (spec.becomes) become(*spec.becomes);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) give_up("give up new privileges");
    char pid[32];
    std::snprintf(pid, sizeof pid, "LISTEN_PID=%d", getpid());
    char* const environment[] = {prepared.path.data(), pid, prepared.count.data(), prepared.names.data(), nullptr};
    execve(prepared.words.front(), prepared.words.data(), environment);
    give_up(prepared.words.front());
}
}  // namespace

Result<Child> start_child(ChildSpec const& spec) {
    if (spec.handed.size() > most_handed) return Error{"", "too many descriptors to hand over", ErrorKind::invalid};
    Prepared prepared{spec};
    pid_t const pid = fork();
    if (pid < 0) return Error::from_errno("fork");
    if (pid == 0) run(spec, prepared);
    Result<OwnedFd> pidfd = open_process(pid);  // nobody has reaped it yet: it is the same process
    if (!pidfd) {
        kill(pid, SIGKILL);
        reap(pid);
        return std::move(pidfd).error();
    }
    return Child{pid, *std::move(pidfd)};
}

int reap(pid_t child) {
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    return status;
}

Result<Identity> find_user(std::string const& name) {
    passwd const* const found = getpwnam(name.c_str());
    if (found == nullptr) return Error{"", "there is no user " + name, ErrorKind::precondition};
    return Identity{found->pw_uid, found->pw_gid};
}

std::optional<std::uint64_t> process_start(pid_t pid) {
    OwnedFd file{open(("/proc/" + std::to_string(pid) + "/stat").c_str(), O_RDONLY | O_CLOEXEC)};
    if (!file) return {};
    std::string const text = read_to_end(file.get(), 4096);
    // The program's name comes second, in brackets, and may hold anything; the start is the twentieth word behind it.
    std::size_t at = text.rfind(')');
    for (int word = 0; word < 20 && at != std::string::npos; ++word) at = text.find(' ', at + 1);
    if (at == std::string::npos) return {};
    std::string_view rest = std::string_view{text}.substr(at + 1);
    return hv::take_decimal<std::uint64_t>(rest);
}

Result<OwnedFd> open_process(pid_t pid) {
    OwnedFd fd{static_cast<int>(syscall(SYS_pidfd_open, pid, 0))};
    if (!fd) return Error::from_errno("watch process " + std::to_string(pid));
    return fd;
}
}  // namespace paravane
