// SPDX-License-Identifier: MIT
#include "os/unix_socket.hpp"

#include <sys/stat.h>

namespace paravane {
namespace {
Result<sockaddr_un> address_of(std::string const& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() > longest_socket_path)
        return Error{"", "the path is too long for a socket", ErrorKind::invalid, ENAMETOOLONG};
    path.copy(address.sun_path, path.size());
    return address;
}
}  // namespace

Result<OwnedFd> connect_unix(std::string const& path, SocketKind kind) {
    std::string step = "connect to " + path;
    Result<sockaddr_un> address = address_of(path);
    if (!address) return std::move(address).error().within(step);
    OwnedFd fd{socket(AF_UNIX, static_cast<int>(kind) | SOCK_CLOEXEC, 0)};
    if (!fd) return Error::from_errno(step);
    if (connect(fd.get(), reinterpret_cast<sockaddr*>(&*address), sizeof *address) < 0)
        return Error::from_errno(step).as(ErrorKind::unavailable);
    return fd;
}

Result<OwnedFd> listen_unix(std::string const& path, int backlog, SocketKind kind) {
    std::string step = "listen at " + path;
    Result<sockaddr_un> address = address_of(path);
    if (!address) return std::move(address).error().within(step);
    OwnedFd fd{socket(AF_UNIX, static_cast<int>(kind) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!fd) return Error::from_errno(step);
    unlink(path.c_str());
    mode_t before = umask(0177);
    int bound = bind(fd.get(), reinterpret_cast<sockaddr*>(&*address), sizeof *address);
    int why = errno;
    umask(before);
    if (bound < 0) return Error::from_errno(step, why);
    if (listen(fd.get(), backlog) < 0) return Error::from_errno(step);
    return fd;
}
}  // namespace paravane
