// SPDX-License-Identifier: MIT
#include "daemon/console_process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vector>

#include "os/owned_fd.hpp"
#include "os/unix_socket.hpp"

extern char** environ;

namespace paravane {
namespace {
constexpr std::size_t longest_message = 4096;

std::string read_all(int fd) {
    std::string text;
    char buffer[512];
    for (;;) {
        ssize_t count = read(fd, buffer, sizeof buffer);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) break;
        if (text.size() < longest_message) text.append(buffer, static_cast<std::size_t>(count));
    }
    while (text.ends_with('\n')) text.pop_back();
    return text;
}
}  // namespace

std::string ConsoleProcesses::socket_path(std::uint16_t domid) const {
    return settings_.run_folder + "/console-" + std::to_string(domid) + ".sock";
}

std::string ConsoleProcesses::log_path(std::string const& name) const {
    return settings_.log_folder.empty() ? "" : settings_.log_folder + "/" + name + ".log";
}

Result<> ConsoleProcesses::start(std::uint16_t domid, std::uint32_t port, std::string const& name) const {
    std::string step = "start the console backend " + settings_.program;
    std::vector<std::string> words{settings_.program,    "--domain", std::to_string(domid), "--port",
                                   std::to_string(port), "--socket", socket_path(domid)};
    if (std::string log = log_path(name); !log.empty()) words.insert(words.end(), {"--log", log});
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);

    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) return Error::from_errno(step);
    OwnedFd from{ends[0]}, to{ends[1]};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_adddup2(&actions, to.get(), 2);
    // We block the signals that end us, to wait for them; the backend must not inherit that.
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    pid_t child = 0;
    int failure = posix_spawn(&child, settings_.program.c_str(), &actions, &attributes, arguments.data(), environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (failure != 0) return Error::from_errno(step, failure);
    to = OwnedFd{};
    // The backend closes its standard error when it is ready; until then the pipe carries what it has to complain
    // about.
    std::string complaint = read_all(from.get());
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
    return Error{step, complaint.empty() ? "it ended without a reason" : complaint, EIO};
}

void ConsoleProcesses::forget(std::uint16_t domid) const { unlink(socket_path(domid).c_str()); }

bool ConsoleProcesses::is_running(std::uint16_t domid) const {
    return static_cast<bool>(connect_unix(socket_path(domid)));
}
}  // namespace paravane
