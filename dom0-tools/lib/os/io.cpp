// SPDX-License-Identifier: MIT
#include "os/io.hpp"

#include <sys/socket.h>
#include <unistd.h>

namespace paravane {
namespace {
// `move` moves some of what is left, as the system calls do it.
template <class Move>
Result<> move_all(std::size_t size, char const* at_the_end, Move move) {
    for (std::size_t done = 0; done < size;) {
        ssize_t count = move(done, size - done);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return Error::from_errno("");
        if (count == 0) return Error{"", at_the_end, ErrorKind::unavailable};
        done += static_cast<std::size_t>(count);
    }
    return {};
}
}  // namespace

Result<> write_all(int fd, std::string_view bytes) {
    return move_all(bytes.size(), "nothing more can be written",
                    [&](std::size_t done, std::size_t left) { return write(fd, bytes.data() + done, left); });
}

Result<> send_all(int socket, std::string_view bytes) {
    return move_all(bytes.size(), "nothing more can be sent", [&](std::size_t done, std::size_t left) {
        return send(socket, bytes.data() + done, left, MSG_NOSIGNAL);
    });
}

Result<> receive_all(int socket, std::span<std::byte> to) {
    return move_all(to.size(), "the other side closed the connection",
                    [&](std::size_t done, std::size_t left) { return recv(socket, to.data() + done, left, 0); });
}

Result<> read_all_at(int fd, std::span<std::byte> to, std::uint64_t offset) {
    return move_all(to.size(), "the file became shorter while it was read", [&](std::size_t done, std::size_t left) {
        return pread(fd, to.data() + done, left, static_cast<off_t>(offset + done));
    });
}

std::string read_to_end(int fd, std::size_t limit) {
    std::string text;
    char buffer[512];
    for (;;) {
        ssize_t count = read(fd, buffer, sizeof buffer);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return text;
        if (text.size() < limit) text.append(buffer, static_cast<std::size_t>(count));
    }
}
}  // namespace paravane
