// SPDX-License-Identifier: MIT
#include "ring_client.hpp"

namespace paravane::xenstored {
namespace {
constexpr unsigned requests_a_turn = 16;
}  // namespace

void RingClient::restart() {
    reported_ = false;
    is_new_ = true;
    ring_.restart();
}

bool RingClient::take_input(Server& server, Session& session) {
    if (session.input.buffered() >= max_message) return true;
    std::array<std::byte, 1024> chunk;
    std::optional<std::size_t> taken = ring_.look(chunk);
    if (!taken) return false;
    if (*taken == 0) return true;
    server.feed(session, std::span{chunk}.first(*taken));
    ring_.pass_input(*taken);
    moved_ = true;
    return true;
}

bool RingClient::put_output(Server& server, Session& session) {
    while (!session.output.empty()) {
        std::optional<std::size_t> put = ring_.put(session.output.front());
        if (!put) return false;
        if (*put == 0) return true;
        server.took(session, *put);
        ring_.pass_output(*put);
        moved_ = true;
    }
    return true;
}

Progress RingClient::turn(Server& server, Session& session, Time now, bool& notify) {
    notify = false;
    moved_ = std::exchange(is_new_, false);
    if (!session.dead) {
        bool more = false;
        bool sane = take_input(server, session);
        if (sane) {
            more = serve_a_turn(server, session, requests_a_turn, now, clock_);
            sane = put_output(server, session);
        }
        if (!sane) {
            reported_ = true;
            ring_.report(RingError::ridx);
            server.mark_dead(session, "its ring's indices make no sense");
        }
        notify = moved_;
        if (!session.dead) {
            bool can_read = ring_.has_input() && session.input.buffered() < max_message;
            return more || can_read ? Progress::can_go_on : Progress::waits;
        }
    }
    // The page stays mapped and the domain watched, so that @releaseDomain comes when it really ends.
    if (!std::exchange(reported_, true)) ring_.report(RingError::proto);
    return Progress::waits;
}
}  // namespace paravane::xenstored
