// SPDX-License-Identifier: MIT
#include "transport_socket.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>

namespace paravane::xenstored {
namespace {
constexpr std::size_t most_buffered = 2 * max_message;
constexpr std::size_t most_written = 256 * 1024;  // in one turn
constexpr unsigned requests_a_turn = 32;
}  // namespace

Progress SocketClient::turn(Server& server, Session& session, Journal& journal, Time now) {
    Progress reading = read_some(server, session, journal);
    bool more = serve_a_turn(server, session, requests_a_turn, now, std::chrono::steady_clock::now);
    write_some(server, session, journal);
    if (session.dead) return Progress::ended;
    if (more) return Progress::can_go_on;
    return reading;
}

// What a read took from the socket is nowhere else, and what was sent must not be sent again: the kernel itself writes
// down how much it was (journal.hpp).
Progress SocketClient::read_some(Server& server, Session& session, Journal& journal) {
    if ((interest(session) & EPOLLIN) == 0) return Progress::waits;
    mmsghdr* message = journal.arm(Witness::Kind::receive, session.id, journal.received());
    int const received = recvmmsg(fd_.get(), message, 1, MSG_DONTWAIT, nullptr);
    if (received == 1 && message->msg_len > 0) {
        server.feed(session, journal.received().first(message->msg_len));
        return Progress::waits;
    }
    bool nothing_yet = received < 0 && (errno == EAGAIN || errno == EINTR);
    // At the end of the stream what came before is still answered, as far as it is complete.
    if (nothing_yet || session.input.has_message()) return Progress::waits;
    return Progress::ended;
}

void SocketClient::write_some(Server& server, Session& session, Journal& journal) {
    std::size_t written = 0;
    while (!session.output.empty() && written < most_written) {
        std::span<std::byte const> bytes = session.output.front();
        std::span<std::byte> part{const_cast<std::byte*>(bytes.data()), bytes.size()};  // it is only read
        mmsghdr* message = journal.arm(Witness::Kind::send, session.id, part);
        if (sendmmsg(fd_.get(), message, 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1) {
            written += message->msg_len;
            server.took(session, message->msg_len);
            continue;
        }
        if (errno == EINTR) continue;
        // Nobody reads any more; the end of its requests is still to come.
        if (errno != EAGAIN) server.drop_output(session);
        return;
    }
}

std::uint32_t SocketClient::interest(Session const& session) const {
    bool takes_input = session.input.buffered() < most_buffered && session.output.bytes() < most_written;
    return (takes_input ? std::uint32_t{EPOLLIN} : 0U) | (session.output.empty() ? 0U : std::uint32_t{EPOLLOUT});
}
}  // namespace paravane::xenstored
