// SPDX-License-Identifier: MIT
// A second process of this program.
#pragma once
#include <sys/types.h>

#include <functional>

#include "os/error.hpp"
#include "os/owned_fd.hpp"

namespace paravane {
class Twin {
public:
    // It does `body` and ends with what that returns; it ends with us, too. No signals are blocked in it.
    static Result<Twin> start(std::function<int()> const& body);

    int fd() const { return fd_.get(); }  // readable when it has ended
    void kill() const;
    // Waits for its end, and says in words how it came.
    std::string end();

private:
    Twin(pid_t pid, OwnedFd fd) : pid_{pid}, fd_{std::move(fd)} {}

    pid_t pid_;
    OwnedFd fd_;
};
}  // namespace paravane
