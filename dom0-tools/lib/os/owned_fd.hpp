// SPDX-License-Identifier: MIT
#pragma once
#include <unistd.h>

#include <utility>

namespace paravane {
// A file descriptor that closes itself.
class OwnedFd {
public:
    OwnedFd() = default;
    explicit OwnedFd(int fd) : fd_{fd} {}
    OwnedFd(OwnedFd&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
    OwnedFd& operator=(OwnedFd&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~OwnedFd() {
        if (fd_ >= 0) close(fd_);
    }

    int get() const { return fd_; }
    int release() && { return std::exchange(fd_, -1); }  // it is somebody else's now
    explicit operator bool() const { return fd_ >= 0; }

private:
    int fd_ = -1;
};
}  // namespace paravane
