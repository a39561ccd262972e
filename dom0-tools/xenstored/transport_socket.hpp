// SPDX-License-Identifier: MIT
// Dom0's processes: an AF_UNIX stream socket that only its owner may open, and its connections.
#pragma once
#include <cstdint>
#include <string>

#include "os/error.hpp"
#include "os/owned_fd.hpp"
#include "ring_client.hpp"  // Progress
#include "server.hpp"

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

class SocketClient {
public:
    SocketClient(OwnedFd fd, SessionId session) : fd_{std::move(fd)}, session_{session} {}

    int fd() const { return fd_.get(); }
    SessionId session() const { return session_; }

    // Reads, answers and writes a bounded amount.
    Progress turn(Server& server, Session& session, Time now);
    // The events (EPOLLIN, EPOLLOUT) that would allow another turn.
    std::uint32_t interest(Session const& session) const;

    std::uint32_t registered = 0;  // what the event loop was told last

private:
    Progress read_some(Session& session);
    void write_some(Session& session);

    OwnedFd fd_;
    SessionId session_;
};
}  // namespace paravane::xenstored
