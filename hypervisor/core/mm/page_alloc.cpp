// SPDX-License-Identifier: MIT
#include "core/mm/page_alloc.hpp"
#include <algorithm>
#include <bit>
#include "base/page.hpp"
#include "core/hal/cpu.hpp"
#include "core/hal/memory.hpp"
#include "core/mm/tlb_clock.hpp"
#include "core/mm/typed_ref.hpp"

namespace hv {
constinit PageInfo* frame_table = nullptr;
constinit u64 max_mfn = 0;
constinit u64* m2p_table = nullptr;

namespace {
// A free block is marked in the type word of its first frame; its other frames have a zero type word.
constexpr u64 free_block = u64{1} << 55;
constexpr u32 most_at_hand = 512;
constexpr u32 zones = 41;  // by the width of the frame number: 52 address bits

struct FreeLists {
    Spinlock<LockRank::page_allocator> lock;
    u32 head[zones][max_order + 1]{};
    u32 filled[zones]{};     // a bit for each order that has blocks
    u32 at_hand = no_frame;  // single frames that were just freed, not merged: the next to be asked for
    u32 at_hand_count = 0;
    u64 free = 0;
    u64 claimed = 0;  // at most those that are free: the sum of all domains' claimed_pages
    u64 total = 0;
};
constinit FreeLists heap{};

// Every frame of an aligned block has the same width but for the block at zero, which never is free memory in whole.
u32 zone_of(u64 mfn) { return static_cast<u32>(std::bit_width(mfn)); }

u32 index_of(PageInfo const& page) { return static_cast<u32>(mfn_of(page).value); }

void link(PageInfo& page, u32& head) {
    page.prev = no_frame;
    page.next = head;
    if (head != no_frame) frame_table[head].prev = index_of(page);
    head = index_of(page);
}

void unlink(PageInfo& page, u32& head) {
    if (page.prev == no_frame) head = page.next;
    else frame_table[page.prev].next = page.next;
    if (page.next != no_frame) frame_table[page.next].prev = page.prev;
}

void add_block(PageInfo& page, u32 order) {
    u32 const zone = zone_of(index_of(page));
    page.type.store(free_block | order, std::memory_order_relaxed);
    link(page, heap.head[zone][order]);
    heap.filled[zone] |= 1u << order;
}

void remove_block(PageInfo& page, u32 order) {
    u32 const zone = zone_of(index_of(page));
    page.type.store(0, std::memory_order_relaxed);
    unlink(page, heap.head[zone][order]);
    if (heap.head[zone][order] == no_frame) heap.filled[zone] &= ~(1u << order);
}

void insert_locked(u64 mfn, u32 order) {
    heap.free += u64{1} << order;
    while (order < max_order) {
        u64 buddy = mfn ^ (u64{1} << order);
        if (buddy >= max_mfn || zone_of(buddy) != zone_of(mfn)) break;
        PageInfo& other = frame_table[buddy];
        if (other.type.load(std::memory_order_relaxed) != (free_block | order)) break;
        remove_block(other, order);
        mfn = std::min(mfn, buddy);
        ++order;
    }
    add_block(frame_table[mfn], order);
}

PageInfo* take_block_locked(u32 zone, u32 wanted) {
    u32 const candidates = heap.filled[zone] >> wanted;
    if (!candidates) return nullptr;
    u32 order = wanted + static_cast<u32>(std::countr_zero(candidates));
    PageInfo& page = frame_table[heap.head[zone][order]];
    remove_block(page, order);
    while (order > wanted) {  // keep the lower half, give the upper one back
        --order;
        add_block((&page)[u64{1} << order], order);
    }
    heap.free -= u64{1} << wanted;
    return &page;
}

PageInfo* take_frame_at_hand() {
    PageInfo& page = frame_table[heap.at_hand];
    heap.at_hand = page.next;
    --heap.at_hand_count;
    --heap.free;
    return &page;
}

// The highest zone first: low memory is for those who ask for it.
PageInfo* find_locked(u32 order, u32 address_bits) {
    u32 const highest = std::min(zone_of(max_mfn), address_bits - static_cast<u32>(page_shift));
    if (order == 0 && address_bits == any_address_bits && heap.at_hand_count) return take_frame_at_hand();
    for (u32 zone = highest; zone > 0; --zone)
        if (PageInfo* page = take_block_locked(zone, order)) return page;
    while (heap.at_hand_count) insert_locked(mfn_of(*take_frame_at_hand()).value, 0);
    for (u32 zone = highest; zone > 0; --zone)
        if (PageInfo* page = take_block_locked(zone, order)) return page;
    return nullptr;
}

void set_claim_locked(Domain& domain, u64 pages) {
    heap.claimed += pages - domain.claimed_pages.load(std::memory_order_relaxed);
    domain.claimed_pages.store(pages, std::memory_order_relaxed);
}

// Nobody gets what others have claimed, and what a domain with a claim gets is claimed no longer.
PageInfo* find_beside_claims_locked(u32 order, u32 address_bits, Domain* domain) {
    u64 const frames = u64{1} << order;
    u64 const own = domain ? domain->claimed_pages.load(std::memory_order_relaxed) : 0;
    if (frames > heap.free - (heap.claimed - own)) return nullptr;
    PageInfo* const page = find_locked(order, address_bits);
    if (!page || !own) return page;
    set_claim_locked(*domain, own - std::min(own, frames));
    return page;
}

// `domain` is the one that may spend its claim on it.
PageInfo* take(u32 order, u32 address_bits, Domain* domain = nullptr) {
    if (order > max_order || address_bits <= page_shift) return nullptr;
    SpinGuard guard{heap.lock};
    if (heap.claimed) [[unlikely]]
        return find_beside_claims_locked(order, address_bits, domain);
    return find_locked(order, address_bits);
}

// `domain` is the one that owned it: what a domain with a claim gives back, it may have again.
void give_back(PageInfo& first, u32 order, Domain* domain = nullptr) {
    for (u64 i = 0; i < (u64{1} << order); ++i) {
        PageInfo& page = (&first)[i];
        page.count.store(PageInfo::owner_bits(abi::domid_invalid), std::memory_order_relaxed);
        page.type.store(0, std::memory_order_relaxed);
    }
    SpinGuard guard{heap.lock};
    u64 const claim = domain ? domain->claimed_pages.load(std::memory_order_relaxed) : 0;
    if (claim) [[unlikely]]
        set_claim_locked(*domain, claim + (u64{1} << order));
    if (order || heap.at_hand_count == most_at_hand) return insert_locked(mfn_of(first).value, order);
    first.next = std::exchange(heap.at_hand, index_of(first));
    ++heap.at_hand_count;
    ++heap.free;
}

void store_count(Mfn first, u64 frames, u64 word) {
    for (u64 mfn = first.value; mfn < std::min(first.value + frames, max_mfn); ++mfn)
        frame_table[mfn].count.store(word, std::memory_order_relaxed);
}

// Frames that another domain had must not be reachable through a stale TLB entry any more.
void prepare_frame(PageInfo& page, Contents contents = Contents::zero) {
    tlb::flush_stale_everywhere(page.stamp);
    if (contents == Contents::zero) clear_page(hal::map(mfn_of(page)));
}

void prepare_block(PageInfo& first, u32 order) {
    for (u64 i = 0; i < (u64{1} << order); ++i) prepare_frame((&first)[i]);
}

// The same for a domain's memory, of which there may be a GiB. No lock is held: interrupts come in now and then, but at
// boot.
inline void prepare_extent(PageInfo& first, u32 order, Contents contents) {
    constexpr u64 every = hal::between_questions::cleared_frames;
    for (u64 i = 0;;) {
        prepare_frame((&first)[i], contents);
        if (++i == u64{1} << order) return;
        if (i % every == 0 && contents == Contents::zero) (void)hal::should_preempt();
    }
}
}  // namespace

void init_frame_table(PageInfo* table, u64 frames) {
    frame_table = table;
    max_mfn = frames;
    for (auto& zone : heap.head) std::ranges::fill(zone, no_frame);
    store_count(Mfn{0}, frames, PageInfo::owner_bits(abi::domid_io));
}

void mark_hypervisor_frames(Mfn first, u64 count) {
    store_count(first, count, PageInfo::owner_bits(abi::domid_xen));
    SpinGuard guard{heap.lock};
    heap.total += count;
}

void mark_m2p_frames(Mfn first, u64 count) {
    store_count(first, count, PageInfo::shared | PageInfo::owner_bits(abi::domid_xen) | 1);
}

void add_free_range(Mfn first, u64 count) {
    u64 end = std::min(first.value + count, max_mfn);
    for (u64 mfn = first.value; mfn < end; ++mfn) {
        PageInfo& page = frame_table[mfn];
        page.count.store(PageInfo::owner_bits(abi::domid_invalid), std::memory_order_relaxed);
        page.type.store(0, std::memory_order_relaxed);
        page.stamp = 0;
    }
    SpinGuard guard{heap.lock};
    for (u64 mfn = first.value; mfn < end;) {
        u32 order = 0;  // the largest aligned block that fits and stays within one zone
        while (order < max_order && mfn % (u64{2} << order) == 0 && mfn + (u64{2} << order) <= end &&
               zone_of(mfn) == zone_of(mfn + (u64{2} << order) - 1))
            ++order;
        insert_locked(mfn, order);
        heap.total += u64{1} << order;
        mfn += u64{1} << order;
    }
}

u64 free_frame_count() {
    SpinGuard guard{heap.lock};
    return heap.free;
}

u64 claimed_frame_count() {
    SpinGuard guard{heap.lock};
    return heap.claimed;
}

Result<> claim_frames(Domain& domain, u64 pages) {
    SpinGuard const list_guard{domain.pages_lock};
    SpinGuard const heap_guard{heap.lock};
    u64 const owned = domain.pages.load(std::memory_order_relaxed);
    if (domain.claimed_pages || domain.is_dying() || pages <= owned || pages > domain.max_pages) return Errno::inval;
    if (pages - owned > heap.free - heap.claimed) return Errno::nomem;
    set_claim_locked(domain, pages - owned);
    return {};
}

void drop_claim(Domain& domain) {
    SpinGuard const guard{heap.lock};
    set_claim_locked(domain, 0);
}

u64 total_frame_count() {
    SpinGuard guard{heap.lock};
    return heap.total;
}

std::byte* alloc_heap(u32 order) {
    PageInfo* first = take(order, any_address_bits);
    if (!first) return nullptr;
    store_count(mfn_of(*first), u64{1} << order, PageInfo::owner_bits(abi::domid_xen));
    prepare_block(*first, order);
    return hal::map(mfn_of(*first));
}

void free_heap(std::byte* memory, u32 order) {
    if (memory) give_back(page_of(hal::mfn_of(memory)), order);
}

namespace {
constexpr u32 run_order = std::bit_width(hal::between_questions::frames) - 1;  // of what gets its owner at a time

// Counted before they are there: two that ask at once do not get more than there may be, and nothing is taken, of a
// claim neither, that is not for them.
[[gnu::always_inline]] inline bool reserve_pages(Domain& domain, u64 frames, Limit limit) {
    u64 now = domain.pages.load(std::memory_order_relaxed);
    do {
        if (limit == Limit::enforced && now + frames > domain.max_pages) return false;
    } while (!domain.pages.compare_exchange_weak(now, now + frames, std::memory_order_relaxed));
    return true;
}

void unreserve_pages(Domain& domain, u64 frames) { domain.pages.fetch_sub(frames, std::memory_order_relaxed); }

// False: the domain has begun to die.
[[gnu::always_inline]] inline bool give_owner(Domain& domain, PageInfo& first, u64 frames, u64 reference) {
    SpinGuard guard{domain.pages_lock};
    if (domain.is_dying()) return false;
    domain.live_frames.fetch_add(frames, std::memory_order_relaxed);
    for (u64 i = 0; i < frames; ++i) {
        PageInfo& page = (&first)[i];
        clear_m2p(mfn_of(page));
        link(page, domain.pages_head);
        page.count.store(reference | PageInfo::owner_bits(domain.id), std::memory_order_release);
    }
    return true;
}

// Of an extent for a domain that has begun to die. Frames that it owns already go as all of its frames do; without a
// reference nobody else would find them.
void take_back(Domain& domain, PageInfo& first, u32 order, u64 owned, Limit limit) {
    u64 const frames = u64{1} << order;
    for (u64 i = 0; limit == Limit::lifted && i < owned; ++i) {
        hal::ask_in_turn(i);
        free_exchanged((&first)[i]);
    }
    u32 const run = std::min(order, run_order);
    for (u64 i = owned; i < frames; i += u64{1} << run) {
        give_back((&first)[i], run);
        (void)hal::should_preempt();
    }
    unreserve_pages(domain, frames - owned);
}

// Linked a run at a time: the lock is held, and no interrupt comes in, for so long. The caller's reference keeps the
// domain.
[[gnu::noinline]] bool give_runs(Domain& domain, PageInfo& first, u32 order, u64 reference, Limit limit,
                                 Contents contents) {
    u64 const run = u64{1} << std::min(order, run_order);
    for (u64 owned = 0; owned < u64{1} << order; owned += run) {
        if (owned && contents == Contents::zero) (void)hal::should_preempt();
        if (give_owner(domain, (&first)[owned], run, reference)) continue;
        take_back(domain, first, order, owned, limit);
        return false;
    }
    return true;
}
}  // namespace

Result<PageInfo*> alloc_domain_frames(Domain& domain, u32 order, u32 address_bits, Limit limit, Contents contents) {
    u64 const frames = order <= max_order ? u64{1} << order : 0;
    if (!frames || !reserve_pages(domain, frames, limit)) return Errno::nomem;
    PageInfo* const first = take(order, address_bits, limit == Limit::enforced ? &domain : nullptr);
    if (!first) {
        unreserve_pages(domain, frames);
        return Errno::nomem;
    }
    prepare_extent(*first, order, contents);
    u64 const reference = limit == Limit::lifted ? 0 : PageInfo::allocated | 1;
    if (order == 0 && give_owner(domain, *first, 1, reference)) [[likely]]
        return first;
    return give_runs(domain, *first, order, reference, limit, contents) ? Result<PageInfo*>{first} : Errno::nomem;
}

Result<> drop_allocation(PageInfo& page, Domid owner) {
    u64 word = page.count.load(std::memory_order_relaxed);
    do {
        if (!(word & PageInfo::allocated) || (word & PageInfo::shared) || PageInfo::owner_of(word) != owner)
            return Errno::inval;
    } while (!page.count.compare_exchange_weak(word, word & ~PageInfo::allocated, std::memory_order_acq_rel));
    PageRef::release(page);
    return {};
}

void move_to_orphans(Domain& domain, PageInfo& page) {
    SpinGuard guard{domain.pages_lock};
    unlink(page, domain.pages_head);
    link(page, domain.orphans_head);
}

PageInfo* alloc_shared_frame(Domain& domain) {
    PageInfo* page = take(0, any_address_bits);
    if (!page) return nullptr;
    prepare_block(*page, 0);
    set_m2p(mfn_of(*page), abi::shared_m2p_entry);
    domain.live_frames.fetch_add(1, std::memory_order_relaxed);
    page->type.store(PageInfo::kind_bits(PageType::writable) | 1, std::memory_order_relaxed);
    page->count.store(PageInfo::allocated | PageInfo::shared | PageInfo::owner_bits(domain.id) | 1,
                      std::memory_order_release);
    return page;
}

void release_shared_frame(PageInfo& page) {
    page.count.fetch_and(~PageInfo::allocated, std::memory_order_acq_rel);
    TypedRef::release(page);
}

namespace {
enum class Claim : u8 { grows, stays };

void free_frame(PageInfo& page, Claim claim) {
    u64 word = page.count.load(std::memory_order_acquire);
    Domid owner = PageInfo::owner_of(word);
    ASSERT(!(word & PageInfo::allocated));
    ASSERT(page.uses() == 0 && page.prefix() == 0);

    clear_m2p(mfn_of(page));
    page.stamp = tlb::stamp_now();  // read-only mappings may be cached as well
    Domain& domain = owner_of_live_frame(owner);
    bool const is_in_list = !(word & PageInfo::shared);
    if (is_in_list) {
        SpinGuard guard{domain.pages_lock};
        unlink(page, domain.orphans_head == index_of(page) ? domain.orphans_head : domain.pages_head);
        domain.pages.fetch_sub(1, std::memory_order_relaxed);
    }
    give_back(page, 0, is_in_list && claim == Claim::grows ? &domain : nullptr);
    if (domain.live_frames.fetch_sub(1, std::memory_order_acq_rel) == 1) DomainRef::release(domain);
}
}  // namespace

void free_unreferenced(PageInfo& page) { free_frame(page, Claim::grows); }
void free_exchanged(PageInfo& page) { free_frame(page, Claim::stays); }
}  // namespace hv
