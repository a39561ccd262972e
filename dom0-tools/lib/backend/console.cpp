// SPDX-License-Identifier: MIT
#include "backend/console.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include "os/unix_socket.hpp"

namespace paravane::console {
namespace {
Error gone(std::string reason) { return {"talk to the console backend", std::move(reason), ErrorKind::unavailable}; }
}  // namespace

Result<Client> Client::connect(std::string const& path, Typing typing, std::uint64_t from) {
    OwnedFd socket = TRY(connect_unix(path, SocketKind::records));
    Hello hello{.version = version, .types = typing == Typing::yes, .from = from};
    if (send(socket.get(), &hello, sizeof hello, MSG_NOSIGNAL) != sizeof hello) return gone(std::strerror(errno));
    return Client{std::move(socket)};
}

Result<Heard> Client::receive() {
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
    if (count < 0) return gone(std::strerror(errno));
    if (count < static_cast<ssize_t>(sizeof heading)) return gone("it has ended, not its guest");
    return Heard{.what = heading.what,
                 .position = heading.position,
                 .text = std::string{text, static_cast<std::size_t>(count) - sizeof heading}};
}

Result<> Client::type(std::string_view text) {
    while (!text.empty()) {
        std::size_t const part = std::min(text.size(), longest_record);
        ssize_t const sent = send(socket_.get(), text.data(), part, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) return gone(std::strerror(errno));
        text.remove_prefix(static_cast<std::size_t>(sent));
    }
    return {};
}

void Client::close() { shutdown(socket_.get(), SHUT_RDWR); }
}  // namespace paravane::console
