// SPDX-License-Identifier: MIT
// Unix sockets by path.
#pragma once
#include "os/error.hpp"
#include "os/owned_fd.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <string>

namespace paravane {
constexpr std::size_t longest_socket_path = sizeof(sockaddr_un::sun_path) - 1;

enum class SocketKind : int {
    stream = SOCK_STREAM,
    stream_without_waiting = SOCK_STREAM | SOCK_NONBLOCK,  // not even for who listens but does not accept
    records = SOCK_SEQPACKET,
    records_without_waiting = SOCK_SEQPACKET | SOCK_NONBLOCK,
};

Result<OwnedFd> connect_unix(std::string const& path, SocketKind kind = SocketKind::stream);
// Only this user may connect. A socket file that a dead predecessor left behind is replaced.
Result<OwnedFd> listen_unix(std::string const& path, int backlog = 8, SocketKind kind = SocketKind::stream);
}  // namespace paravane
