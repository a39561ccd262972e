// SPDX-License-Identifier: MIT
// Mapping and unmapping of other domains' frames.
#pragma once
#include "core/grant/batch.hpp"
#include "core/grant/table.hpp"

namespace hv {
// --- an operation that comes alone, as Linux's mostly do: the same as a batch of one, shorter. fault
Errno map_grant(Vcpu& vcpu, guest_ptr<abi::GnttabMapGrantRef> at);
Errno unmap_grant(Vcpu& vcpu, guest_ptr<abi::GnttabUnmapGrantRef> at);

// --- the operations that come in batches: errors as for_each_op
Errno map_grants(Vcpu& vcpu, GrantOps& ops);
Errno unmap_grants(Vcpu& vcpu, GrantOps& ops);
Errno unmap_and_replace_grants(Vcpu& vcpu, GrantOps& ops);

// Of a dying domain: ends the mappings that it holds; false if preempted.
bool release_grant_mappings(Domain& domain);
}  // namespace hv
