// SPDX-License-Identifier: MIT
// A domain as a client: moves bytes between its ring and its session, a bounded amount in a turn. Pure; who maps the
// page and owns the event channel is the platform's business.
#pragma once
#include "ring.hpp"
#include "server.hpp"
#include "turn.hpp"

namespace paravane::xenstored {
enum class Progress : std::uint8_t { waits, can_go_on, ended };

class RingClient {
public:
    RingClient(SessionId session, RingPage& page, Clock clock = std::chrono::steady_clock::now)
        : session_{session}, ring_{page}, clock_{clock} {}

    SessionId session() const { return session_; }
    Ring& ring() { return ring_; }
    void restart();
    void go_on_at(RingPlace place) { ring_.go_on_at(place); }

    // Reads, answers and writes. `notify` says whether the domain must hear of it.
    Progress turn(Server& server, Session& session, Time now, bool& notify);

private:
    bool take_input(Server& server, Session& session);  // false: the ring is broken
    bool put_output(Server& server, Session& session);

    SessionId session_;
    Ring ring_;
    Clock clock_;
    bool moved_ = false;
    bool is_new_ = true;  // the domain may wait for an event that nobody sent
    bool reported_ = false;
};
}  // namespace paravane::xenstored
