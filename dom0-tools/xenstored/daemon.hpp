// SPDX-License-Identifier: MIT
// The server on its transports: one loop in which every client with work gets a small turn after the other, so that
// none can keep the rest waiting.
#pragma once
#include <deque>
#include <memory>
#include <set>
#include <unordered_map>

#include "os/event_loop.hpp"
#include "server.hpp"
#include "transport_socket.hpp"
#include "xen_platform.hpp"

namespace paravane::xenstored {
class Daemon {
public:
    // Without `xen` only the socket is served.
    Daemon(EventLoop loop, SocketListener listener, std::unique_ptr<XenPlatform> xen, Limits limits);

    // Everything that can fail at the start: signals, dom0's ring.
    Result<> start();
    // Serves until SIGTERM or SIGINT.
    Result<> run();

private:
    Result<> watch_signals();
    void accept_clients();
    void on_xen_events();
    void schedule(SessionId session);
    void schedule_sessions_with_work();
    void take_turns();
    void take_next_turn(std::deque<SessionId>& queue);
    Progress take_turn(Session& session);
    void end_socket(SessionId session);
    void update_interest(SocketClient& client, Session& session);
    void throttle(Session const& session);
    std::optional<std::chrono::milliseconds> time_to_wait();

    EventLoop loop_;
    SocketListener listener_;
    std::unique_ptr<XenPlatform> xen_;
    NoPlatform no_xen_;
    Server server_;
    OwnedFd signals_;
    std::unordered_map<SessionId, SocketClient> sockets_;
    std::deque<SessionId> runnable_;  // dom0's kernel and processes
    std::deque<SessionId> runnable_guests_;
    std::set<SessionId> scheduled_;        // those in either
    std::map<SessionId, Time> throttled_;  // until when
    bool accepting_ = true;                // not while descriptors are short
    bool stopping_ = false;
    Time now_{};
};
}  // namespace paravane::xenstored
