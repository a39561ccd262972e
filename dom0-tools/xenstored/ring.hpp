// SPDX-License-Identifier: MIT
// The shared page of a domain's ring (xs_wire.h): two byte queues of 1024 bytes with free-running indices. The other
// side is hostile: each of its indices is read once, checked, then used; ours are kept here and never read back.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace paravane::xenstored {
struct RingPage {
    std::array<std::byte, 1024> requests;
    std::array<std::byte, 1024> replies;
    std::uint32_t request_consumer;
    std::uint32_t request_producer;
    std::uint32_t reply_consumer;
    std::uint32_t reply_producer;
    std::uint32_t server_features;
    std::uint32_t connection;
    std::uint32_t error;
};
static_assert(offsetof(RingPage, request_consumer) == 2048 && offsetof(RingPage, server_features) == 2064 &&
              offsetof(RingPage, error) == 2072);

enum class RingError : std::uint32_t { none = 0, communication = 1, indices = 2, protocol = 3 };

class Ring {
public:
    // Goes on from the indices in the page.
    explicit Ring(RingPage& page);

    // Both queues empty, at zero.
    void restart();

    // How many bytes were moved; nothing if the other side's index is out of range, which is the end of this ring.
    std::optional<std::size_t> take(std::span<std::byte> into);
    std::optional<std::size_t> put(std::span<std::byte const> from);

    bool has_input() const;
    void report(RingError error);
    // Tells a guest that waits for it that we are back; true if it does wait.
    bool complete_reconnect();

private:
    static constexpr std::uint32_t size = 1024;
    static constexpr std::uint32_t feature_error = 2;

    RingPage& page_;
    std::uint32_t request_consumer_;
    std::uint32_t reply_producer_;
};
}  // namespace paravane::xenstored
