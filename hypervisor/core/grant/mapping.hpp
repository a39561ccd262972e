// SPDX-License-Identifier: MIT
// The end of a mapping. It holds its frame by itself, beside what the page-table entry holds: so an entry may vanish in
// any way the mapper likes, and the granter's page stays what it is until unmap.
#pragma once
#include "core/grant/batch.hpp"

namespace hv {
struct EndedMapping {
    u32 handle;
    Access access;
};

// Lets go of the frame and of the grant of a claimed mapping, and frees the handle.
[[gnu::always_inline]] inline void end_mapping(GrantTable& table, EndedMapping const& ended) {
    Mapping const& mapping = table.mapping(ended.handle);
    // The frame is still held, so its owner is still there.
    owner_of_live_frame(mapping.granter).grants->end_use(mapping.ref, ended.access);
    release_frame(Mfn{mapping.frame}, ended.access);
    table.free_handle(ended.handle);
}
}  // namespace hv
