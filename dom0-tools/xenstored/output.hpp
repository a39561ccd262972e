// SPDX-License-Identifier: MIT
// Messages on their way to a client, in order. Pure: a transport takes bytes from the front as its client makes room.
#pragma once
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>

#include "archive.hpp"
#include "wire.hpp"

namespace paravane::xenstored {
class OutputQueue {
public:
    void push_reply(MessageType type, Header const& request, std::string_view payload);
    // An event that waits already is not queued twice: the client will look after the later change in any case.
    void push_event(std::string_view path, std::string_view token);

    bool empty() const { return messages_.empty(); }
    std::size_t bytes() const { return bytes_; }      // not yet taken
    std::size_t replies() const { return replies_; }  // not yet taken completely

    // The next contiguous bytes; empty if there are none.
    std::span<std::byte const> front() const;
    void take(std::size_t count);
    void clear();

    void save(Writer& to) const;
    void load(Reader& from);  // into an empty one

private:
    enum class Kind : std::uint8_t { reply, event };
    struct Outgoing {
        std::string bytes;
        Kind kind;
        std::string_view payload() const { return std::string_view{bytes}.substr(sizeof(Header)); }
    };
    void push(std::string bytes, Kind kind);

    std::deque<Outgoing> messages_;                        // elements never move while they are queued,
    std::unordered_set<std::string_view> waiting_events_;  // so these views into them stay good
    std::size_t taken_ = 0;                                // of the first message
    std::size_t bytes_ = 0;
    std::size_t replies_ = 0;
};
}  // namespace paravane::xenstored
