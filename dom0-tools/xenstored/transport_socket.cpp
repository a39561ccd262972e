// SPDX-License-Identifier: MIT
#include "transport_socket.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <array>

#include "os/unix_socket.hpp"

namespace paravane::xenstored {
namespace {
constexpr std::size_t read_chunk = 16 * 1024;
constexpr std::size_t most_buffered = 2 * max_message;
constexpr std::size_t most_written = 256 * 1024;  // in one turn
constexpr unsigned requests_a_turn = 32;
}  // namespace

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

Progress SocketClient::turn(Server& server, Session& session, Time now) {
    Progress reading = read_some(session);
    bool more = serve_a_turn(server, session, requests_a_turn, now, std::chrono::steady_clock::now);
    write_some(session);
    if (session.dead) return Progress::ended;
    if (more) return Progress::can_go_on;
    return reading;
}

Progress SocketClient::read_some(Session& session) {
    if ((interest(session) & EPOLLIN) == 0) return Progress::waits;
    std::array<std::byte, read_chunk> chunk;
    ssize_t count = recv(fd_.get(), chunk.data(), chunk.size(), 0);
    if (count > 0) {
        session.input.feed(std::span{chunk}.first(static_cast<std::size_t>(count)));
        return Progress::waits;
    }
    bool nothing_yet = count < 0 && (errno == EAGAIN || errno == EINTR);
    // At the end of the stream what came before is still answered, as far as it is complete.
    if (nothing_yet || session.input.has_message()) return Progress::waits;
    return Progress::ended;
}

void SocketClient::write_some(Session& session) {
    std::size_t written = 0;
    while (!session.output.empty() && written < most_written) {
        std::span<std::byte const> bytes = session.output.front();
        ssize_t count = send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (count < 0) {
            if (errno == EINTR) continue;
            // Nobody reads any more; the end of its requests is still to come.
            if (errno != EAGAIN) session.output.clear();
            return;
        }
        session.output.take(static_cast<std::size_t>(count));
        written += static_cast<std::size_t>(count);
    }
}

std::uint32_t SocketClient::interest(Session const& session) const {
    bool takes_input = session.input.buffered() < most_buffered && session.output.bytes() < most_written;
    return (takes_input ? std::uint32_t{EPOLLIN} : 0U) | (session.output.empty() ? 0U : std::uint32_t{EPOLLOUT});
}
}  // namespace paravane::xenstored
