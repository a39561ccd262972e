// SPDX-License-Identifier: MIT
// Starts a program that we stay the parent of, with the descriptors and the rights that it is to have and no others.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "os/error.hpp"
#include "os/owned_fd.hpp"

namespace paravane {
// A descriptor under the name by which the program finds it: LISTEN_FDS and LISTEN_FDNAMES, as systemd has them. They
// are 3 and those that follow.
struct Handed {
    std::string name;
    int fd;
};

struct Identity {
    uid_t user;
    gid_t group;
};

struct ChildSpec {
    std::vector<std::string> words;  // the program's path, and its arguments
    std::vector<Handed> handed = {};
    std::optional<Identity> becomes = {};  // before its first instruction; without any capability
    std::uint64_t memory_limit = 0;        // of its address space, in bytes; 0: none
    std::uint64_t open_files = 256;
    int standard_error = -1;  // -1: /dev/null, as the other two
};

struct Child {
    pid_t pid;
    OwnedFd pidfd;  // readable when it has ended
};

// What the program cannot be started for, and what fails in it before it runs, it says on its standard error.
Result<Child> start_child(ChildSpec const& spec);
// How a child that has ended did so, as waitpid tells it.
int reap(pid_t child);

Result<Identity> find_user(std::string const& name);
// When a process started, in the kernel's ticks since boot: tells a process from a later one of the same number. None:
// there is no such process.
std::optional<std::uint64_t> process_start(pid_t pid);
Result<OwnedFd> open_process(pid_t pid);
}  // namespace paravane
