// SPDX-License-Identifier: MIT
// Our end of a guest's console page.
#pragma once
#include "os/error.hpp"

#include <array>
#include <cstddef>
#include <string_view>

#include "portable/ring/byte_ring.hpp"
#include "public/io/console.hpp"

namespace paravane {
class ConsoleRing {
public:
    // Goes on where the previous process stopped, as far as the page's own indices make sense.
    explicit ConsoleRing(abi::io::ConsoleRing& page);

    // What the guest has printed since the last call, at most one ring full; empty when there is nothing.
    // A guest that lets its indices run wild gets an error, and the ring is taken up again from its new position.
    Result<std::string_view> take_output();

    // Hands typed bytes to the guest, as many as fit; returns how many.
    std::size_t give_input(std::string_view text);

private:
    hv::ring::ByteConsumer<abi::io::console_out_size> output_;
    hv::ring::ByteProducer<abi::io::console_in_size> input_;
    std::array<char, abi::io::console_out_size> taken_;
};
}  // namespace paravane
