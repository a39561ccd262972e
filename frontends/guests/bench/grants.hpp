// SPDX-License-Identifier: MIT
// Batches of operations on granted pages: one's own, or another domain's.
#pragma once
#include <array>

#include "measure.hpp"
#include "runtime/hypercall.hpp"

namespace bench {
inline constexpr u32 batch = 32;
inline constexpr u32 first_ref = 64;  // of as many pages, in the grant table of their owner

inline constinit std::array<abi::GnttabCopy, batch> copies{};
inline constinit std::array<abi::GnttabMapGrantRef, batch> maps{};
inline constinit std::array<abi::GnttabUnmapGrantRef, batch> unmaps{};

void permit_pages(guest::Domid to);

// From the pages of `owner` to fresh ones; how much, set_copy_length says.
void prepare_copies(guest::Domid owner);
void set_copy_length(guest::u16 bytes);
inline void copy() { (void)guest::grant_table_op(abi::gnttabop::copy, copies.data(), batch); }

// The pages of `owner`, one behind the other from that address on.
void prepare_maps(guest::Domid owner, u64 address);
inline void map_and_unmap(u32 count) {
    (void)guest::grant_table_op(abi::gnttabop::map_grant_ref, maps.data(), count);
    for (u32 i = 0; i < count; ++i) { unmaps[i].handle = maps[i].handle; }
    (void)guest::grant_table_op(abi::gnttabop::unmap_grant_ref, unmaps.data(), count);
}

// Once with all of them, which must go well.
void require_copies(std::string_view what);
void require_maps(std::string_view what);
}  // namespace bench
