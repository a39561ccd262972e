// SPDX-License-Identifier: MIT
#include "listener.hpp"

#include <sys/socket.h>
#include <sys/stat.h>

#include "os/unix_socket.hpp"

namespace paravane::xenstored {
Result<SocketListener> SocketListener::listen_at(std::string path) {
    constexpr int backlog = 128;
    std::string directory = path.substr(0, path.rfind('/'));
    if (!directory.empty() && mkdir(directory.c_str(), 0755) < 0 && errno != EEXIST) {
        return Error::from_errno("create " + directory);
    }
    if (connect_unix(path)) return Error{"listen at " + path, "another xenstored listens there", ErrorKind::exists};
    // Whoever can open it has dom0's rights.
    OwnedFd fd = TRY(listen_unix(path, backlog));
    return SocketListener{std::move(fd), std::move(path)};
}

SocketListener::~SocketListener() {
    if (fd_) unlink(path_.c_str());
}

Result<OwnedFd> SocketListener::accept() {
    OwnedFd fd{accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
    bool passes = errno == EAGAIN || errno == ECONNABORTED || errno == EINTR;
    if (!fd && !passes) return Error::from_errno("accept a connection");
    return fd;
}
}  // namespace paravane::xenstored
