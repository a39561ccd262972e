// SPDX-License-Identifier: MIT
// A process that we are the parent of: a program, with the descriptors and the rights that it is to have and no others,
// or a second process of this program.
#pragma once
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "os/error.hpp"
#include "os/owned_fd.hpp"

namespace paravane {
// A descriptor under the name by which the program finds it: LISTEN_FDS and LISTEN_FDNAMES, as systemd has them. They
// are 3 and those that follow, in this order.
struct Handed {
    std::string name;
    int fd;
};

struct Identity {
    uid_t user;
    gid_t group;
};

struct Program {
    std::vector<std::string> words;  // its path, and its arguments
    std::vector<Handed> handed = {};
    std::optional<Identity> becomes = {};  // before its first instruction; without any capability
    std::uint64_t memory_limit = 0;        // of its address space, in bytes; 0: none
    std::uint64_t open_files = 256;
    int standard_error = -1;  // -1: /dev/null, as the other two
    // Done by the process itself before all else, with our rights, in our memory, and without allocating. 0, or an
    // errno and the program does not run.
    std::function<int()> write_down = {};
};

enum class Waited : std::uint8_t { ended, too_long, stopped };

// Moves only. When this object goes, the process is dead and reaped.
class Child {
public:
    // It has no environment but that of what it was handed, no blocked or ignored signal, a session of its own, and can
    // gain no rights. An error names the step that failed, in the child, too.
    static Result<Child> start(Program const& program);
    // It does `body` and ends with what that returns; it ends with us, too. No signals are blocked in it.
    static Result<Child> twin(std::function<int()> const& body);

    Child(Child&& other) noexcept : pid_{std::exchange(other.pid_, 0)}, fd_{std::move(other.fd_)} {}
    Child& operator=(Child&&) = delete;
    ~Child() { end(); }

    pid_t pid() const { return pid_; }
    int fd() const { return fd_.get(); }  // readable when it has ended
    void kill() const;
    // Until it has ended by itself, until then at the latest, or until somebody asks to stop.
    Result<Waited> wait(std::chrono::steady_clock::time_point limit, std::stop_token const& stop) const;
    // Kills it if it has not ended. What waitpid says of its end.
    int end();
    // It goes on without this object; whoever has the descriptor may reap() it.
    OwnedFd let_go() &&;

private:
    Child(pid_t pid, OwnedFd fd) : pid_{pid}, fd_{std::move(fd)} {}
    static Result<Child> watched(pid_t pid);

    pid_t pid_;  // 0: reaped, or somebody else's
    OwnedFd fd_;
    int status_ = 0;
};

// How a child that has ended did so, as waitpid tells it; and that in words.
int reap(pid_t child);
std::string how_it_ended(int status);

Result<Identity> find_user(std::string const& name);
// When a process started, in the kernel's ticks since boot: tells a process from a later one of the same number. None:
// there is no such process. Allocates nothing.
std::optional<std::uint64_t> process_start(pid_t pid);
Result<OwnedFd> open_process(pid_t pid);
}  // namespace paravane
