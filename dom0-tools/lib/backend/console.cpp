// SPDX-License-Identifier: MIT
#include "backend/console.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include "os/unix_socket.hpp"

namespace paravane::console {
namespace {
Error gone(std::string reason) { return {"talk to the console backend", std::move(reason), ErrorKind::unavailable}; }
}  // namespace

Result<Client> Client::connect(std::string const& path, std::uint64_t typist, std::uint64_t from) {
    return greet(TRY(connect_unix(path, SocketKind::records)), typist, from);
}

Result<Client> Client::connect_without_waiting(std::string const& path, std::uint64_t typist, std::uint64_t from) {
    return greet(TRY(connect_unix(path, SocketKind::records_without_waiting)), typist, from);
}

Result<Client> Client::greet(OwnedFd socket, std::uint64_t typist, std::uint64_t from) {
    Hello const hello{.version = version, .pad = 0, .from = from, .typist = typist};
    // One that has refused us already does not hear it, but what it said is there.
    if (send(socket.get(), &hello, sizeof hello, MSG_NOSIGNAL) < 0 && errno != EPIPE && errno != ECONNRESET)
        return gone(std::strerror(errno));
    return Client{std::move(socket)};
}

Result<std::optional<Heard>> Client::receive_some() {
    Heading heading{};
    char text[longest_record];
    iovec parts[] = {{&heading, sizeof heading}, {text, sizeof text}};
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = std::size(parts);
    // A backend that closes with something of ours unread makes the first receive fail; what it said before comes after
    // that.
    ssize_t count;
    do { count = recvmsg(socket_.get(), &message, 0); } while (count < 0 && (errno == EINTR || errno == ECONNRESET));
    if (count < 0 && errno == EAGAIN) return std::optional<Heard>{};
    if (count < 0) return gone(std::strerror(errno));
    if (count < static_cast<ssize_t>(sizeof heading)) return gone("it has ended, not its guest");
    return std::optional{Heard{.what = heading.what,
                               .position = heading.position,
                               .yours = heading.yours != 0,
                               .text = std::string{text, static_cast<std::size_t>(count) - sizeof heading}}};
}

Result<Heard> Client::receive() {
    std::optional<Heard> heard = TRY(receive_some());
    if (!heard) return gone("it says nothing");
    return *std::move(heard);
}

Result<std::size_t> Client::type_some(std::string_view text) {
    std::size_t typed = 0;
    while (typed < text.size()) {
        std::size_t const part = std::min(text.size() - typed, longest_record);
        ssize_t const sent = send(socket_.get(), text.data() + typed, part, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0 && errno == EAGAIN) break;
        if (sent < 0) return gone(std::strerror(errno));
        typed += static_cast<std::size_t>(sent);
    }
    return typed;
}

Result<> Client::type(std::string_view text) {
    TRY(type_some(text));
    return {};
}

void Client::close() { shutdown(socket_.get(), SHUT_RDWR); }
}  // namespace paravane::console
