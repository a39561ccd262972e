// SPDX-License-Identifier: MIT
// Memory given back and taken again, as the balloon driver does. The frames are mapped nowhere.
#include <array>

#include "measure.hpp"
#include "runtime/memory.hpp"

namespace bench {
namespace {
constexpr u32 pages = 56;
constinit std::array<u64, pages> frames{};  // mfns, and after decrease_reservation the pfns to fill
constinit std::array<u64, pages> holes{};

abi::MemoryReservation reservation(u64* extents) {
    return {.extent_start = guest::pointer_to(extents),
            .nr_extents = pages,
            .extent_order = 0,
            .mem_flags = 0,
            .domid = abi::domid_self,
            .pad = {}};
}

void out_and_in() {
    abi::MemoryReservation out = reservation(frames.data());
    (void)guest::memory_op(abi::memop::decrease_reservation, &out);
    frames = holes;
    abi::MemoryReservation in = reservation(frames.data());
    (void)guest::memory_op(abi::memop::populate_physmap, &in);
}
}  // namespace

void measure_balloon() {
    for (u32 i = 0; i < pages; ++i) {
        void* page = guest::memory::allocate();
        holes[i] = guest::pfn_of(page).value;
        frames[i] = guest::memory::mfn_of(page).value;
        require(guest::update_va_mapping(address_of(page), 0) == 0, "a page is unmapped");
    }
    out_and_in();
    require(frames[0] != holes[0] || frames[pages - 1] != holes[pages - 1], "pages come back");
    measure({"balloon_out_and_in_56_per_page", 8, pages}, out_and_in);
}
}  // namespace bench
