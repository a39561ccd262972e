// SPDX-License-Identifier: MIT
// map_grant_ref and unmap_grant_ref. A mapping holds its frame by itself, beside what the page-table entry holds: so an
// entry may vanish in any way the mapper likes, and the granter's page stays what it is until unmap.
#pragma once
#include "core/grant/table.hpp"

namespace hv {
GrantStatus map_grant(Vcpu& vcpu, abi::GnttabMapGrantRef& op);

// In two steps, with one TLB flush for a batch between them: the entry goes, then what the mapping holds.
struct EndedMapping {
    GrantStatus status;
    bool ended;  // no kind is left: call end_mapping after the flush
    u32 handle;
    Mapping mapping;
};
EndedMapping begin_unmap(Vcpu& vcpu, abi::GnttabUnmapGrantRef const& op);

// Lets go of the frame and of the grant, and frees the handle.
void end_mapping(GrantTable& table, u32 handle, Mapping const& mapping);
}  // namespace hv
