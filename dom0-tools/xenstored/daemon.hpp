// SPDX-License-Identifier: MIT
// The server on its transports: one loop in which every client with work gets a small turn after the other, so that
// none can keep the rest waiting. It may be killed at any moment; the next one goes on with what the holder kept.
#pragma once
#include <deque>
#include <memory>
#include <set>
#include <unordered_map>

#include "held.hpp"
#include "os/event_loop.hpp"
#include "server.hpp"
#include "transport_socket.hpp"
#include "xen_platform.hpp"

namespace paravane::xenstored {
class Daemon {
public:
    // Without `xen` only the sockets are served.
    Daemon(EventLoop loop, Held held, JournalMemory memory, std::unique_ptr<XenPlatform> xen, Limits limits);

    // Everything that can fail at the start.
    Result<> start();
    Result<> say_ready() { return held_.channel.send(Channel::ready); }
    // Serves until it cannot.
    Result<> run();

private:
    void finish_system_call();
    Result<> take_back_sockets();
    Result<> take_back_rings();
    void take_clients();
    Result<> add_client(Session& session, OwnedFd fd);
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
    Held held_;
    JournalMemory memory_;
    Journal journal_;
    std::unique_ptr<XenPlatform> xen_;
    NoPlatform no_xen_;
    Server server_;
    std::unordered_map<SessionId, SocketClient> sockets_;
    std::deque<SessionId> runnable_;  // dom0's kernel and processes
    std::deque<SessionId> runnable_guests_;
    std::set<SessionId> scheduled_;        // those in either
    std::map<SessionId, Time> throttled_;  // until when
    Result<> failure_ = {};
    Time now_{};
};
}  // namespace paravane::xenstored
