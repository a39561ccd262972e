// SPDX-License-Identifier: MIT
// The end of a mapping. It holds its frame by itself, beside what the page-table entry holds: so an entry may vanish in
// any way the mapper likes, and the granter's page stays what it is until unmap.
#pragma once
#include "core/grant/batch.hpp"

namespace hv {
struct EndedMapping {
    Mapping* mapping;
    u32 flags;  // as claimed
};

// Lets go of the frame and of the grant of a claimed mapping, which is free then.
template <Access access>
[[gnu::always_inline]] inline void let_go_of(Mapping const& mapping) {
    // The frame is still held, so its owner is still there.
    owner_of_live_frame(mapping.granter).grants->end_use<access>(mapping.ref);
    release_frame<access>(Mfn{mapping.frame});
}
[[gnu::always_inline]] inline void end_mapping(GrantTable& table, EndedMapping const& ended) {
    if (ended.flags & abi::gntmap::readonly) [[unlikely]]
        let_go_of<Access::read>(*ended.mapping);
    else let_go_of<Access::write>(*ended.mapping);
    table.free_mapping(*ended.mapping);
}
}  // namespace hv
