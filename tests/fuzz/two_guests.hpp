// SPDX-License-Identifier: MIT
// A fuzzer of what serves a guest and is killed at any store: its first byte says whether the guest is an honest one,
// the others what the two do. A check that fails throws.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>

namespace test {
struct Input {
    std::uint8_t const* data;
    std::size_t size;
    bool empty() const { return size == 0; }
    std::uint8_t byte() {
        if (size == 0) return 0;
        --size;
        return *data++;
    }
};

inline int try_a_guest(Input input, void (*honest)(Input&), void (*hostile)(Input&)) {
    try {
        if (input.byte() & 1) hostile(input);
        else honest(input);
    } catch (std::runtime_error const& broken) {
        std::fprintf(stderr, "%s\n", broken.what());
        std::abort();
    }
    return 0;
}
}  // namespace test
