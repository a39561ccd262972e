// SPDX-License-Identifier: MIT
#include "os/process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/io.hpp"
#include "os/owned_fd.hpp"

extern char** environ;

namespace paravane {
namespace {
constexpr std::size_t longest_message = 4096;

int spawn(std::vector<std::string>& words, int standard_error, pid_t& child) {
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_adddup2(&actions, standard_error, STDERR_FILENO);
    // A daemon blocks the signals that end it, to wait for them; what it starts must not inherit that.
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    int failure = posix_spawn(&child, words.front().c_str(), &actions, &attributes, arguments.data(), environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return failure;
}
}  // namespace

Result<> start_service(std::vector<std::string> words) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) return Error::from_errno("");
    OwnedFd from{ends[0]}, to{ends[1]};
    pid_t child = 0;
    if (int failure = spawn(words, to.get(), child); failure != 0) return Error::from_errno("", failure);
    to = OwnedFd{};
    std::string complaint = read_to_end(from.get(), longest_message);
    while (complaint.ends_with('\n')) complaint.pop_back();
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
    return Error{"", complaint.empty() ? "it ended without a reason" : complaint};
}
}  // namespace paravane
