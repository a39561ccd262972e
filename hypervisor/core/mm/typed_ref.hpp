// SPDX-License-Identifier: MIT
// A typed use: the frame exists and keeps its type while this object (or the entry it was given to) lives.
#pragma once
#include "core/mm/page_info.hpp"

namespace hv {
class TypedRef : public FrameHold<TypedRef> {
public:
    static void release(PageInfo& page) {
        u64 word = page.type.load(std::memory_order_relaxed);
        do {
            if ((word & PageInfo::use_mask) <= 1) [[unlikely]]
                return release_last(page);
        } while (!page.type.compare_exchange_weak(word, word - 1, std::memory_order_acq_rel));
    }

    // The same where it is rare, out of the way of what is not.
    [[gnu::noinline, gnu::cold]] static void give_back(PageInfo& page) { release(page); }

private:
    friend FrameHold;
    using FrameHold::FrameHold;
    // Constant work: a page table goes onto the current vCPU's demotion queue.
    static void release_last(PageInfo& page);
};

// Turns a reference into a typed one.
//  - the frame has the type already: counted up;
//  - it has no typed use: the type changes, with the TLB flushes that needs and, for page tables and descriptor pages,
//    validation of the contents under the rules for the owner.
// Errors: busy for `writable` and inval for other types if the frame is in use as another type or contents are refused;
// again if the work was preempted or another CPU is at it (progress is kept in the frame: repeat the operation).
Result<TypedRef> promote(PageRef page, PageType type);

// One more use of a frame of `owner` that is in use as `kind` and nothing else goes on with; null if it is not. Uses
// hold the frame, so the owner that is seen after one was added is the right one.
[[gnu::always_inline]] inline PageInfo* join_uses(PageInfo& page, Domid owner, PageType kind) {
    if (page.owner() != owner) [[unlikely]]
        return nullptr;
    u64 const beside = kind == PageType::writable ? 0 : PageInfo::pinned | PageInfo::queued;
    u64 word = page.type.load(std::memory_order_relaxed);
    do {
        if ((word & ~beside) - PageInfo::one_use(kind) >= PageInfo::ref_limit) [[unlikely]]
            return nullptr;
    } while (!page.type.compare_exchange_weak(word, word + 1, std::memory_order_acquire));
    PageInfo* const joined = &page;
    if (!joined) __builtin_unreachable();  // which saves the caller's question
    if (page.owner() == owner) [[likely]]
        return joined;
    TypedRef::give_back(page);  // it went to somebody else meanwhile
    return nullptr;
}

[[gnu::always_inline]] inline PageInfo* join_uses(Mfn mfn, Domid owner, PageType kind) {
    PageInfo* const found = find_page(mfn);
    if (!found) [[unlikely]]
        return nullptr;
    return join_uses(*found, owner, kind);
}

// A typed use of a frame that `owner` owns. Errors: inval if it does not; as promote.
inline Result<TypedRef> get_typed(Mfn mfn, Domid owner, PageType type) {
    if (PageInfo* page = join_uses(mfn, owner, type)) [[likely]]
        return TypedRef::adopt(*page);
    PageRef page = TRY(get_page(mfn, owner));
    return promote(std::move(page), type);
}
inline Result<TypedRef> get_writable(Mfn mfn, Domid owner) { return get_typed(mfn, owner, PageType::writable); }

// Demotion of page tables can be long, and destructors must not be. Dropping the last typed reference of a table puts
// it on the current vCPU's queue; dispatch drains the queue after every operation, multicall entries and batch items
// included, and before the vCPU next runs guest code. So unpinning is synchronous for the guest.
struct DemotionQueue {
    u32 head = no_frame;

    bool empty() const { return head == no_frame; }
};

// True when the queue is empty; false if preempted, some frames are left (call again later).
bool demote_queued(DemotionQueue& queue);
[[gnu::always_inline]] inline bool drain_demotions(DemotionQueue& queue) {
    return queue.empty() || demote_queued(queue);
}

// For the end of a domain: unpins and demotes until nothing is left, or preempted (false).
bool demote_residue(PageInfo& page);
}  // namespace hv
