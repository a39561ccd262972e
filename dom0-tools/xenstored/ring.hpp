// SPDX-License-Identifier: MIT
// Our end of a domain's ring: its two byte queues, and what else is said in its page (xs_wire.h).
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "portable/ring/byte_ring.hpp"
#include "public/io/xs_wire.hpp"
#include "session.hpp"

namespace paravane::xenstored {
using RingPage = abi::io::XenstoreDomainInterface;
using RingError = abi::io::xs::RingError;

class Ring {
public:
    // Goes on from the indices in the page.
    explicit Ring(RingPage& page);

    // Both queues empty, at zero.
    void restart();
    // Where a process before us was: what it had written down, the page says again.
    void go_on_at(RingPlace place);
    RingPlace place() const { return {requests_.at(), replies_.at()}; }

    // How many bytes are there or find room, nothing if the other side's index is out of range, which is the end of
    // this ring. They are copied; the domain hears of it when they are passed.
    std::optional<std::size_t> look(std::span<std::byte> into) const;
    std::optional<std::size_t> put(std::span<std::byte const> from);
    void pass_input(std::size_t count) { requests_.advance(count); }
    void pass_output(std::size_t count) { replies_.advance(count); }

    bool has_input() const { return requests_.waiting() != 0u; }
    void report(RingError error);
    // Tells a guest that waits for it that we are back; true if it does wait.
    bool complete_reconnect();

private:
    RingPage& page_;
    hv::ring::ByteConsumer<abi::io::xenstore_ring_size> requests_;
    hv::ring::ByteProducer<abi::io::xenstore_ring_size> replies_;
};
}  // namespace paravane::xenstored
