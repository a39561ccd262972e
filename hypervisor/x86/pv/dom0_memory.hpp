// SPDX-License-Identifier: MIT
#pragma once
#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include "base/page.hpp"
#include "core/hal/memory.hpp"
#include "core/mm/page_alloc.hpp"

namespace hv::x86 {
// Dom0's frames: a few large runs, and from pfn to frame.
class Dom0Memory {
public:
    // Allocates this many frames to the domain, as contiguous as they are to be had, and enters them into the M2P.
    // Those with the first pfns are zeroed; the others hold what they held, and nobody else has used them.
    Result<> allocate(Domain& domain, u64 pages, u64 zeroed) {
        u32 order = max_order;
        while (pages_ < pages) {
            order = std::min(order, static_cast<u32>(std::bit_width(pages - pages_) - 1));
            Result<PageInfo*> run =
                alloc_domain_frames(domain, order, any_address_bits, Limit::enforced, Contents::old);
            if (!run) {
                if (order == 0) return Errno::nomem;
                --order;
                continue;
            }
            if (run_count_ == max_runs) return Errno::nomem;
            Mfn first = mfn_of(**run);
            u64 count = u64{1} << order;
            for (u64 i = 0; i < count; ++i) {
                set_m2p(first + i, pages_ + i);
                if (pages_ + i < zeroed) clear_page(hal::map(first + i));
            }
            runs_[run_count_++] = {pages_, first, count};
            pages_ += count;
        }
        return {};
    }

    u64 size() const { return pages_; }
    Mfn mfn(u64 pfn) {
        ASSERT(pfn < pages_);
        auto holds = [&](Run const& run) { return pfn >= run.pfn && pfn - run.pfn < run.pages; };
        if (!holds(runs_[last_])) {
            auto const* run = std::find_if(runs_.begin(), runs_.begin() + run_count_, holds);
            last_ = static_cast<u32>(run - runs_.begin());
        }
        Run const& run = runs_[last_];
        return run.mfn + (pfn - run.pfn);
    }
    std::byte* at(u64 pfn) { return hal::map(mfn(pfn)); }  // the frame in the direct map
    void write(u64 pfn, void const* from, u64 bytes) {     // from the start of that frame on
        auto const* source = static_cast<std::byte const*>(from);
        for (u64 done = 0; done < bytes; done += page_size)
            std::memcpy(at(pfn++), source + done, std::min(page_size, bytes - done));
    }

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
