// SPDX-License-Identifier: MIT
// Write faults of the hypervisor's own, in guest memory that may be written: another vCPU has just made it writable,
// which needs no flush, and this CPU remembered the former entry. The fault itself makes it forget that (SDM volume 3,
// 4.10.4.1), so the instruction is tried again.
#pragma once
#include "portable/base/types.hpp"

namespace hv {
struct StaleStore {
    struct Place {
        u64 instruction, address;
        bool operator==(Place const&) const = default;
    };
    Place last{}, before{};  // what was tried again, since this CPU looked for work

    // Once at a place: a guest could go on taking the right away and giving it back, also of two pages in turns, as
    // many as one store has.
    bool is_worth_a_try(u64 root, u64 at, u64 place);
};
}  // namespace hv
