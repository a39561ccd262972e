// SPDX-License-Identifier: MIT
// Frames: a buddy allocator with a zone per address width, so that "below N bits" is a question of which lists to look
// at.
#pragma once
#include "core/domain.hpp"
#include "core/mm/page_info.hpp"

namespace hv {
inline constexpr u32 max_order = 18;  // 1 GiB

// At boot: x86 provides the frame table's memory; every frame is first "not RAM" and belongs to domid_io.
void init_frame_table(PageInfo* table, u64 frames);
void mark_hypervisor_frames(Mfn first, u64 count);  // RAM the image, modules and tables occupy: domid_xen, never freed
void mark_m2p_frames(Mfn first, u64 count);         // the same, and privileged domains may map them read-only
void add_free_range(Mfn first, u64 count);          // RAM to hand out; each frame once

u64 free_frame_count();
u64 claimed_frame_count();  // of the free ones: nobody but the domains with claims gets them
u64 total_frame_count();    // all RAM: free, domains' and the hypervisor's

// Memory of the hypervisor itself, 2^order frames, zeroed. Null if there is none.
std::byte* alloc_heap(u32 order);
void free_heap(std::byte* memory, u32 order);

// Frames for a domain's page list, each with one reference (its allocation), zeroed, with an invalid M2P entry.
// nomem: none below `address_bits`, or the domain would exceed max_pages.
inline constexpr u32 any_address_bits = 64;
enum class Limit : u8 {
    enforced,
    lifted,  // an exchange: the frames given for these are still counted, and these have no reference yet
};
enum class Contents : u8 { zero, old };  // old: at boot, when nobody has used it
Result<PageInfo*> alloc_domain_frames(Domain& domain, u32 order, u32 address_bits = any_address_bits,
                                      Limit limit = Limit::enforced, Contents contents = Contents::zero);

// Gives back the owner's reference of a frame in the page list: the frame is freed with its last reference.
// inval if the frame is not allocated to that domain (any more).
Result<> drop_allocation(PageInfo& page, Domid owner);

// A claim: free memory is set aside for the domain until it has `pages` in all. What it gets is claimed no longer, what
// it gives back meanwhile is claimed again. inval: it has a claim, has as much already, may not have as much, or is
// dying. nomem: there is not that much that nobody has claimed.
Result<> claim_frames(Domain& domain, u64 pages);
void drop_claim(Domain& domain);

// A frame of the page list without references, of which an exchange has one too many: as that spends nothing of a
// claim, nothing is claimed again.
void free_exchanged(PageInfo& page);

// From the page list of a dying domain to its list of orphans.
void move_to_orphans(Domain& domain, PageInfo& page);

// One zeroed frame of the hypervisor that `domain` may map writable: shared_info, grant frames. It has the type
// `writable` for good, one use and one reference of the hypervisor's.
PageInfo* alloc_shared_frame(Domain& domain);
void release_shared_frame(PageInfo& page);
}  // namespace hv
