// SPDX-License-Identifier: MIT
// What dom0 is built of.
#pragma once
#include <array>
#include <optional>
#include "core/domain.hpp"
#include "public/start_info.hpp"

namespace hv::x86 {
// Its frames: a few large runs, and from pfn to frame.
class Dom0Memory {
public:
    // Allocates this many frames to the domain, as contiguous as they are to be had, and enters them into the M2P.
    // Those with the first pfns are zeroed; the others hold what they held, and nobody else has used them.
    Result<> allocate(Domain& domain, u64 pages, u64 zeroed);

    u64 size() const { return pages_; }
    Mfn mfn(u64 pfn);
    std::byte* at(u64 pfn);                            // the frame in the direct map
    void write(u64 pfn, void const* from, u64 bytes);  // from the start of that frame on

private:
    struct Run {
        u64 pfn;
        Mfn mfn;
        u64 pages;
    };
    static constexpr u32 max_runs = 2048;

    std::array<Run, max_runs> runs_{};
    u32 run_count_ = 0;
    u32 last_ = 0;  // where the last look-up ended: they come in order
    u64 pages_ = 0;
};

// What it is told of the screen it takes over. Nothing if there is no VGA, or none in text mode.
std::optional<abi::Dom0VgaConsoleInfo> vga_console();
}  // namespace hv::x86
