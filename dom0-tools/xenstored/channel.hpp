// SPDX-License-Identifier: MIT
// Between holder and server: numbers of connections, from the holder with the connection itself.
#pragma once
#include <cstdint>
#include <optional>
#include <utility>

#include "os/error.hpp"
#include "os/owned_fd.hpp"

namespace paravane::xenstored {
class Channel {
public:
    static constexpr std::uint64_t ready = 0;  // from the server, in place of a number: it serves

    static Result<std::pair<Channel, Channel>> make();
    Channel() = default;

    int fd() const { return fd_.get(); }
    // With a descriptor it never waits; false: there is no room just now.
    Result<bool> try_send(std::uint64_t key, int fd);
    Result<> send(std::uint64_t key);

    struct Message {
        std::uint64_t key;
        OwnedFd fd;
    };
    // Nothing if nothing has come; an error when the other end is gone.
    Result<std::optional<Message>> receive();

private:
    explicit Channel(OwnedFd fd) : fd_{std::move(fd)} {}

    OwnedFd fd_;
};
}  // namespace paravane::xenstored
