// SPDX-License-Identifier: MIT
// Runs one instruction on the processor with all sixteen general registers and the flags given, on memory that
// absolute, rip-relative and register addressing can all reach: code and data lie together below 2 GiB.
#pragma once
#include <array>
#include <cstdint>
#include <span>

namespace test {
struct NativeState {
    std::array<std::uint64_t, 16> gpr{};  // by encoding number
    std::uint64_t rflags = 0;
};

class NativeRunner {
public:
    static constexpr std::size_t data_bytes = 65536;

    NativeRunner();
    ~NativeRunner();
    NativeRunner(NativeRunner const&) = delete;

    std::uint8_t* data() { return base_ + data_offset; }
    // Where the instruction will lie, for rip-relative operands.
    std::uint64_t code_address() const;

    NativeState run(std::span<std::uint8_t const> instruction, NativeState const& before);

private:
    static constexpr std::size_t data_offset = 4096;
    std::uint8_t* base_;
};
}  // namespace test
