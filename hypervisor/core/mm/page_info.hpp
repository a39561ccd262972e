// SPDX-License-Identifier: MIT
// What the hypervisor knows of each frame of RAM: who owns it, how many references exist, and what it is used as.
//
// count: existence. A frame lives while it has references. One of them is the owner's allocation (`allocated`); every
// entry that maps the frame for reading and every kernel-held pointer is another, and all typed uses together are one.
//
// type: use. A frame has one type at a time; the type may change only while there are no uses. This is what keeps a
// guest from writing its own page tables: `writable` and `l1`..`l4` exclude each other.
//
// prefix: how many leading entries of a page-table frame hold references. A validated table has all 512. Promotion
// extends the prefix and demotion shrinks it, each entry by entry, so both can stop and go on at any point; a frame
// with a prefix but no uses is a residue of one of the two, and holds one reference on itself.
#pragma once
#include <array>
#include <atomic>
#include <utility>
#include "base/assert.hpp"
#include "base/index.hpp"
#include "portable/base/result.hpp"

namespace hv {
struct Domain;

enum class PageType : u8 { none, l1, l2, l3, l4, segdesc, writable };
constexpr bool is_table_type(PageType type) { return type >= PageType::l1 && type <= PageType::l4; }

inline constexpr u32 entries_per_table = 512;
inline constexpr u32 no_frame = ~u32{0};

struct PageInfo {
    // count word
    static constexpr u64 allocated = u64{1} << 63;  // the owner's own reference is among the count
    static constexpr u64 shared = u64{1} << 62;     // hypervisor memory, shared with the owner: not in its page list
    // Another domain than the owner has had it in its tables to write to: any CPU may remember that. Until it is freed.
    static constexpr u64 mapped_elsewhere = u64{1} << 61;
    static constexpr u32 owner_shift = 32;
    static constexpr u64 owner_mask = u64{0xffff} << owner_shift;
    static constexpr u64 ref_mask = 0xffff'ffff;
    static constexpr u64 ref_limit = 0x7fff'ffff;  // far from overflow: a guest that gets here is refused

    // type word
    static constexpr u32 kind_shift = 60;
    static constexpr u64 kind_mask = u64{0xf} << kind_shift;
    static constexpr u64 pinned = u64{1} << 59;
    static constexpr u64 busy = u64{1} << 58;    // a CPU extends or shrinks the prefix, within one hypercall
    static constexpr u64 queued = u64{1} << 57;  // on a demotion queue
    static constexpr u64 ending = u64{1} << 56;  // the last use has ended, its time is being noted: a moment
    static constexpr u32 prefix_shift = 40;
    static constexpr u64 prefix_mask = u64{0x3ff} << prefix_shift;
    static constexpr u32 busy_cpu_shift = 32;  // which CPU, while busy
    static constexpr u64 busy_cpu_mask = u64{0xff} << busy_cpu_shift;
    static constexpr u64 use_mask = 0xffff'ffff;

    std::atomic<u64> count;
    std::atomic<u64> type;
    u32 stamp;        // TLB clock when the last typed use ended (mm/tlb_clock.hpp)
    u32 demote_next;  // link of a demotion queue
    u32 prev;         // links of the owner's page list, or of the free list
    u32 next;

    static constexpr Domid owner_of(u64 word) { return Domid{static_cast<u16>(word >> owner_shift)}; }
    static constexpr u64 owner_bits(Domid id) { return u64{id.value} << owner_shift; }
    static constexpr PageType kind_of(u64 word) { return static_cast<PageType>(word >> kind_shift); }
    static constexpr u64 kind_bits(PageType kind) { return static_cast<u64>(kind) << kind_shift; }
    static constexpr u32 prefix_of(u64 word) { return static_cast<u32>((word & prefix_mask) >> prefix_shift); }
    // The word of a frame with one use of that kind, but for `pinned` and `queued`.
    static constexpr u64 one_use(PageType kind) {
        return kind_bits(kind) | (is_table_type(kind) ? u64{entries_per_table} << prefix_shift : 0) | 1;
    }

    Domid owner() const { return owner_of(count.load(std::memory_order_relaxed)); }
    bool count_has(u64 flag) const { return count.load(std::memory_order_relaxed) & flag; }
    u64 refs() const { return count.load(std::memory_order_relaxed) & ref_mask; }
    PageType kind() const { return kind_of(type.load(std::memory_order_acquire)); }
    u64 uses() const { return type.load(std::memory_order_acquire) & use_mask; }
    u32 prefix() const { return prefix_of(type.load(std::memory_order_acquire)); }
};
static_assert(sizeof(PageInfo) == 32);

// The frame table: one PageInfo for every frame number below max_mfn. Frames in it that are no RAM belong to domid_io.
extern constinit PageInfo* frame_table;
extern constinit u64 max_mfn;

inline PageInfo& page_of(Mfn mfn) { return frame_table[mfn.value]; }
inline Mfn mfn_of(PageInfo const& page) { return Mfn{static_cast<u64>(&page - frame_table)}; }
// By a number that a guest may have chosen; null: there is no such frame.
[[gnu::always_inline]] inline PageInfo* find_page(Mfn mfn) {
    u64 number = mfn.value;
    if (!check_index(number, max_mfn)) [[unlikely]]
        return nullptr;
    PageInfo* const page = &frame_table[number];
    if (!page) __builtin_unreachable();  // which saves the caller's question
    return page;
}
inline bool is_ram(Mfn mfn) {
    PageInfo const* const page = find_page(mfn);
    return page && page->owner() != abi::domid_io;
}

// Called when the last reference goes (mm/page_alloc.cpp).
void free_unreferenced(PageInfo& page);

// A hold on a frame, given back by the destructor. Move-only. `Kind` says how to release one.
template <class Kind>
class FrameHold {
public:
    FrameHold(FrameHold&& other) noexcept : page_{std::exchange(other.page_, nullptr)} {}
    FrameHold& operator=(FrameHold&&) = delete;
    ~FrameHold() {
        if (page_) Kind::release(*page_);
    }

    PageInfo& operator*() const { return *page_; }
    PageInfo* operator->() const { return page_; }
    Mfn mfn() const { return mfn_of(*page_); }

    // Gives the hold to something that is not a C++ object, a page-table entry for example, and takes it back.
    PageInfo& leak() && { return *std::exchange(page_, nullptr); }
    Mfn leak_mfn() && { return mfn_of(*std::exchange(page_, nullptr)); }
    static Kind adopt(PageInfo& page) { return Kind{page}; }

protected:
    explicit FrameHold(PageInfo& page) : page_{&page} {}

private:
    PageInfo* page_;
};

// One reference to a frame.
class PageRef : public FrameHold<PageRef> {
public:
    static void release(PageInfo& page) {
        u64 before = page.count.fetch_sub(1, std::memory_order_acq_rel);
        if ((before & PageInfo::ref_mask) <= 1) [[unlikely]]
            free_unreferenced(page);
    }

private:
    friend FrameHold;
    using FrameHold::FrameHold;
};

// Guests are refused more than ref_limit references; the hypervisor's own few for a moment are not.
enum class RefLimit : u8 { holds, lifted };

// A reference to a frame that `owner` owns. inval if it does not, or if there is no such frame.
template <RefLimit limit = RefLimit::holds>
inline Result<PageRef> get_page(Mfn mfn, Domid owner) {
    PageInfo* const found = find_page(mfn);
    if (!found) [[unlikely]]
        return Errno::inval;
    PageInfo& page = *found;
    u64 word = page.count.load(std::memory_order_relaxed);
    do {
        u64 refs = word & PageInfo::ref_mask;
        if (PageInfo::owner_of(word) != owner || refs == 0) [[unlikely]]
            return Errno::inval;
        if (limit == RefLimit::holds && refs >= PageInfo::ref_limit) [[unlikely]]
            return Errno::inval;
    } while (!page.count.compare_exchange_weak(word, word + 1, std::memory_order_acquire));
    return PageRef::adopt(page);
}

// --- the machine-to-physical table: for each frame the pfn its owner calls it. Guests read it directly, so it must be
// right before the hypercall that changes it returns. The hypervisor never trusts it.
extern constinit u64* m2p_table;  // writable alias, max_mfn entries

// How much of it guests can read: it is mapped in pieces of 2 MiB.
constexpr u64 m2p_size(u64 frames) { return round_up(frames * sizeof(u64), u64{1} << 21); }

inline void set_m2p(Mfn mfn, u64 pfn) {
    if (mfn.value < max_mfn) __atomic_store_n(&m2p_table[mfn.value], pfn, __ATOMIC_RELAXED);
}
inline void clear_m2p(Mfn mfn) { set_m2p(mfn, abi::invalid_m2p_entry); }
}  // namespace hv
