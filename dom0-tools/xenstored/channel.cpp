// SPDX-License-Identifier: MIT
#include "channel.hpp"

#include <sys/socket.h>

#include <cstring>

namespace paravane::xenstored {
Result<std::pair<Channel, Channel>> Channel::make() {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) return Error::from_errno("make a channel");
    return std::pair{Channel{OwnedFd{ends[0]}}, Channel{OwnedFd{ends[1]}}};
}

Result<bool> Channel::try_send(std::uint64_t key, int fd) {
    iovec part{.iov_base = &key, .iov_len = sizeof key};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof fd)] = {};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fd);
    std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
    if (sendmsg(fd_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) return true;
    if (errno == EAGAIN || errno == EINTR) return false;
    return Error::from_errno("hand over a connection");
}

Result<> Channel::send(std::uint64_t key) {
    while (::send(fd_.get(), &key, sizeof key, MSG_NOSIGNAL) < 0) {
        if (errno != EINTR) return Error::from_errno("talk to the holder");
    }
    return {};
}

Result<std::optional<Channel::Message>> Channel::receive() {
    Message received{};
    iovec part{.iov_base = &received.key, .iov_len = sizeof received.key};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    ssize_t const count = recvmsg(fd_.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return std::optional<Message>{};
    if (count < 0) return Error::from_errno("listen to the other process");
    if (count == 0) return Error{"listen to the other process", "it has ended", ErrorKind::unavailable};
    if (cmsghdr const* header = CMSG_FIRSTHDR(&message); header != nullptr) {
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
        received.fd = OwnedFd{fd};
    }
    return std::optional{std::move(received)};
}
}  // namespace paravane::xenstored
