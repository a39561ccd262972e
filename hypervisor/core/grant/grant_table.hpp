// SPDX-License-Identifier: MIT
// Grant tables: what the rest of the hypervisor needs of them.
#pragma once
#include "core/domain.hpp"

namespace hv {
// What a table can have; the tools may ask for no more.
inline constexpr u32 most_grant_frames = 512, most_maptrack_frames = 2048;
Result<GrantTable*> create_grant_table(Domain& domain, u32 max_grant_frames, u32 max_maptrack_frames);
bool release_grant_mappings(Domain& domain);  // dying domain: ends the mappings it holds; false if preempted
void retire_grant_table(Domain& domain);      // gives back the grant frames; nothing can be mapped any more
void destroy_grant_table(Domain& domain);     // when no reference to the domain is left

// Frame `index` of the domain's grant table, growing the table if need be (memory_op acquire_resource).
Result<Mfn> grant_frame(Domain& domain, u32 index);
u32 grant_frame_limit(Domain& domain);

// Every mapping the domain holds of other domains' frames, for the audit.
void for_each_grant_mapping(Domain& domain, void (*visit)(void* context, Mfn mfn, bool writable), void* context);
}  // namespace hv
