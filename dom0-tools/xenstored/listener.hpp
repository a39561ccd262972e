// SPDX-License-Identifier: MIT
// An AF_UNIX stream socket that only its owner may open: dom0's processes connect there.
#pragma once
#include <string>

#include "os/error.hpp"
#include "os/owned_fd.hpp"

namespace paravane::xenstored {
class SocketListener {
public:
    // Takes over the path of a dead daemon, never that of a living one.
    static Result<SocketListener> listen_at(std::string path);
    SocketListener(SocketListener&&) = default;
    SocketListener& operator=(SocketListener&&) = default;
    ~SocketListener();

    int fd() const { return fd_.get(); }
    // A new connection; an invalid descriptor if there is none to accept just now.
    Result<OwnedFd> accept();

private:
    SocketListener(OwnedFd fd, std::string path) : fd_{std::move(fd)}, path_{std::move(path)} {}

    OwnedFd fd_;
    std::string path_;
};
}  // namespace paravane::xenstored
