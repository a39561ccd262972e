// SPDX-License-Identifier: MIT
// How much memory a domain has: the reservation commands of memory_op.
#pragma once
#include "core/hypercall/dispatch.hpp"

namespace hv {
// increase_reservation, decrease_reservation, populate_physmap. Returns the number of extents done, also when it stops
// early (out of memory, over the limit, a bad frame).
Outcome change_reservation(Vcpu& vcpu, HypercallArgs& args);

// exchange: frames for others of another order or below an address limit. All of an extent, or none of it.
Outcome exchange_frames(Vcpu& vcpu, guest_ptr<abi::MemoryExchange> place);

// The largest extent a domain may ask for.
u32 order_limit(Domain const& caller);
}  // namespace hv
