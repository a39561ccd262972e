// SPDX-License-Identifier: MIT
// The first frame of the guest's grant table, version 1.
#pragma once
#include "runtime/hypercall.hpp"

namespace guest {
// The number of this domain: known in dom0; in a domU domid= of the command line, or what xenstore says.
Domid own_domid();

namespace grant {
// Mapped once, at a fixed address of its own.
abi::GrantEntryV1 volatile* entries();

// The entry becomes valid last.
void permit(u32 ref, Domid to, Mfn frame, u16 flags);

// Maps what another domain permits, writable. False if the hypervisor refuses.
bool map(u64 address, Domid owner, u32 ref);
}  // namespace grant
}  // namespace guest
