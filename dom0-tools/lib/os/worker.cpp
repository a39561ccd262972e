// SPDX-License-Identifier: MIT
#include "os/worker.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>

namespace paravane {
namespace {
constexpr int first_given = 3;
constexpr int above_all_given = 64;

void set_signals(posix_spawnattr_t& attributes) {
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

int spawn(std::vector<std::string>& words, std::vector<OwnedFd> const& given, pid_t& child) {
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    char* no_environment[] = {nullptr};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    for (int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        posix_spawn_file_actions_addopen(&actions, standard, "/dev/null", O_RDWR, 0);
    int next = first_given;
    for (OwnedFd const& fd : given) posix_spawn_file_actions_adddup2(&actions, fd.get(), next++);
    posix_spawn_file_actions_addclosefrom_np(&actions, next);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    set_signals(attributes);
    int failure = posix_spawn(&child, words.front().c_str(), &actions, &attributes, arguments.data(), no_environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return failure;
}
}  // namespace

Result<Worker> Worker::start(std::vector<std::string> words, std::span<int const> descriptors) {
    std::string const step = "start " + words.front();
    std::vector<OwnedFd> given;  // copies that none of the numbers in the child overwrites
    for (int fd : descriptors) {
        given.emplace_back(fcntl(fd, F_DUPFD_CLOEXEC, above_all_given));
        if (!given.back()) return Error::from_errno(step);
    }
    pid_t pid = 0;
    if (int failure = spawn(words, given, pid); failure != 0) return Error::from_errno(step, failure);
    Worker child{pid, OwnedFd{static_cast<int>(syscall(SYS_pidfd_open, pid, 0))}};
    if (!child.pidfd_) return Error::from_errno(step);
    return child;
}

Result<Waited> Worker::wait(std::chrono::steady_clock::time_point limit, std::stop_token const& stop) {
    OwnedFd stopped{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    if (!stopped) return Error::from_errno("make an eventfd");
    std::stop_callback tell{stop, [&] { (void)eventfd_write(stopped.get(), 1); }};
    for (;;) {
        using std::chrono::milliseconds;
        auto left = std::chrono::ceil<milliseconds>(limit - std::chrono::steady_clock::now()).count();
        constexpr std::int64_t longest = 60'000;
        pollfd watched[] = {{pidfd_.get(), POLLIN, 0}, {stopped.get(), POLLIN, 0}};
        int count = poll(watched, std::size(watched), static_cast<int>(std::clamp<std::int64_t>(left, 0, longest)));
        if (count < 0 && errno != EINTR) return Error::from_errno("wait for a program");
        if (count > 0 && watched[0].revents != 0) return Waited::ended;
        if (count > 0 && watched[1].revents != 0) return Waited::stopped;
        if (left <= 0) return Waited::too_long;
    }
}

int Worker::end() {
    if (pid_ == 0) return status_;
    kill(pid_, SIGKILL);
    while (waitpid(pid_, &status_, 0) < 0 && errno == EINTR) {}
    pid_ = 0;
    return status_;
}
}  // namespace paravane
