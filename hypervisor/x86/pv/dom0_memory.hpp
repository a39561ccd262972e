// SPDX-License-Identifier: MIT
// Dom0's frames while it is built: a few large runs, and from pfn to frame.
#pragma once
#include <array>
#include "core/domain.hpp"

namespace hv::x86 {
class Dom0Memory {
public:
    // Allocates this many frames to the domain, as contiguous as they are to be had, and enters them into the M2P.
    Result<> allocate(Domain& domain, u64 pages);

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
}  // namespace hv::x86
