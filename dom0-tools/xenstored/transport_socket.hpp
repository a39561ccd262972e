// SPDX-License-Identifier: MIT
// The connections of dom0's processes.
#pragma once
#include <cstdint>

#include "os/owned_fd.hpp"
#include "ring_client.hpp"  // Progress
#include "server.hpp"

namespace paravane::xenstored {
class SocketClient {
public:
    SocketClient(OwnedFd fd, SessionId session) : fd_{std::move(fd)}, session_{session} {}

    int fd() const { return fd_.get(); }
    SessionId session() const { return session_; }

    // Reads, answers and writes a bounded amount.
    Progress turn(Server& server, Session& session, Journal& journal, Time now);
    // The events (EPOLLIN, EPOLLOUT) that would allow another turn.
    std::uint32_t interest(Session const& session) const;

    std::uint32_t registered = 0;  // what the event loop was told last

private:
    Progress read_some(Server& server, Session& session, Journal& journal);
    void write_some(Server& server, Session& session, Journal& journal);

    OwnedFd fd_;
    SessionId session_;
};
}  // namespace paravane::xenstored
