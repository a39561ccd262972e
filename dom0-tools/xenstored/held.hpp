// SPDX-License-Identifier: MIT
// What the holder keeps for the server.
#pragma once
#include <sys/mman.h>

#include <cstddef>
#include <map>
#include <span>

#include "channel.hpp"

namespace paravane::xenstored {
struct Held {
    Channel channel;
    std::map<std::uint64_t, OwnedFd> clients;
};

// The memory of the journal: large and empty, only what is written takes room.
class JournalMemory {
public:
    static Result<OwnedFd> make();
    static Result<JournalMemory> map(OwnedFd const& memory);

    std::span<std::byte> bytes() const { return bytes_; }
    static void forget(std::span<std::byte> bytes);

private:
    explicit JournalMemory(std::span<std::byte> bytes) : bytes_{bytes} {}

    std::span<std::byte> bytes_;  // mapped as long as the process lives
};
}  // namespace paravane::xenstored
