// SPDX-License-Identifier: MIT
// Our end of a domain's ring: its two byte queues, and what else is said in its page (xs_wire.h).
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "portable/ring/byte_ring.hpp"
#include "public/io/xs_wire.hpp"

namespace paravane::xenstored {
using RingPage = abi::io::XenstoreDomainInterface;
using RingError = abi::io::xs::RingError;

class Ring {
public:
    // Goes on from the indices in the page.
    explicit Ring(RingPage& page);

    // Both queues empty, at zero.
    void restart();

    // How many bytes were moved; nothing if the other side's index is out of range, which is the end of this ring.
    std::optional<std::size_t> take(std::span<std::byte> into);
    std::optional<std::size_t> put(std::span<std::byte const> from);

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
