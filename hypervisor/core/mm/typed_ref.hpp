// SPDX-License-Identifier: MIT
// A typed reference: the frame exists and keeps its type while this object (or the entry it was given to) lives.
#pragma once
#include "core/mm/page_info.hpp"
#include "core/mm/tlb_clock.hpp"

namespace hv {
// After the end of the last typed use. Constant work: a page table goes onto the current vCPU's demotion queue.
void last_use_ended(PageInfo& page);

class TypedRef {
public:
    TypedRef(TypedRef&& other) noexcept : page_{std::exchange(other.page_, nullptr)} {}
    TypedRef& operator=(TypedRef&&) = delete;
    ~TypedRef() {
        if (page_) release(*page_);
    }

    PageInfo& operator*() const { return *page_; }
    PageInfo* operator->() const { return page_; }
    Mfn mfn() const { return mfn_of(*page_); }

    PageInfo& leak() && { return *std::exchange(page_, nullptr); }
    Mfn leak_mfn() && { return mfn_of(*std::exchange(page_, nullptr)); }
    static TypedRef adopt(PageInfo& page) { return TypedRef{page}; }

    static void release(PageInfo& page) {
        end_use(page);
        PageRef::release(page);
    }
    static void end_use(PageInfo& page) {
        u64 word = page.type.load(std::memory_order_relaxed);
        do {
            ASSERT(word & PageInfo::use_mask);
            // The stamp must be there before anybody can see that the use has ended.
            if ((word & PageInfo::use_mask) == 1) page.stamp = tlb::stamp_now();
        } while (!page.type.compare_exchange_weak(word, word - 1, std::memory_order_acq_rel));
        if ((word & PageInfo::use_mask) == 1 && (word & PageInfo::prefix_mask)) [[unlikely]]
            last_use_ended(page);
    }

private:
    explicit TypedRef(PageInfo& page) : page_{&page} {}
    PageInfo* page_;
};

// Turns a reference into a typed one.
//  - the frame has the type already: counted up;
//  - it has no typed use: the type changes, with the TLB flushes that needs and, for page tables and descriptor pages,
//    validation of the contents under the rules for `domain`, who must own the frame.
// Errors: busy for `writable` and inval for other types if the frame is in use as another type or contents are refused;
// again if the work was preempted or another CPU is at it (progress is kept in the frame: repeat the operation).
Result<TypedRef> promote(PageRef page, PageType type, Domain& domain);

// The fast case of promote for `writable`, inlined into the paths that map pages.
inline Result<TypedRef> promote_writable(PageRef page, Domain& domain) {
    u64 word = page->type.load(std::memory_order_relaxed);
    if (PageInfo::kind_of(word) == PageType::writable &&
        page->type.compare_exchange_strong(word, word + 1, std::memory_order_acquire)) [[likely]]
        return TypedRef::adopt(std::move(page).leak());
    return promote(std::move(page), PageType::writable, domain);
}
}  // namespace hv
