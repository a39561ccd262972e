// SPDX-License-Identifier: MIT
// Demotion of page tables can be long, and destructors must not be. Dropping the last typed reference of a table puts
// it on the current vCPU's queue; dispatch drains the queue after every operation, multicall entries and batch items
// included, and before the vCPU next runs guest code. So unpinning is synchronous for the guest.
#pragma once
#include "core/mm/page_info.hpp"

namespace hv {
struct DemotionQueue {
    u32 head = no_frame;

    bool empty() const { return head == no_frame; }
};

// True when the queue is empty; false if preempted, some frames are left (call again later).
bool drain_demotions(DemotionQueue& queue);

// For the end of a domain: unpins and demotes until nothing is left, or preempted (false).
bool demote_residue(PageInfo& page);
}  // namespace hv
