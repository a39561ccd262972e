// SPDX-License-Identifier: MIT
// Promotion and demotion. Both move a frame's prefix, entry by entry, holding its `busy` bit meanwhile; see
// page_info.hpp.
#include "core/mm/validate.hpp"
#include "core/hal.hpp"
#include "core/mm/demotion.hpp"
#include "core/mm/descriptor.hpp"
#include "core/mm/leaf.hpp"
#include "core/mm/tlb_clock.hpp"

namespace hv {
constinit std::array<u64, last_hypervisor_slot - first_hypervisor_slot + 1> hypervisor_l4_entries{};

namespace {
u64* entries_of(PageInfo const& page) { return reinterpret_cast<u64*>(hal::map(mfn_of(page))); }

Pte load(u64 const* entry) { return Pte{__atomic_load_n(entry, __ATOMIC_RELAXED)}; }
void store(u64* entry, Pte pte) { __atomic_store_n(entry, pte.raw, __ATOMIC_RELAXED); }

// Writes the state a prefix move ended in and lets go of the frame. Other bits (queued) may change concurrently.
void finish_move(PageInfo& page, u32 old_prefix, u32 new_prefix, u32 uses) {
    u64 word = page.type.load(std::memory_order_relaxed);
    u64 next;
    do {
        next = (word & ~(PageInfo::prefix_mask | PageInfo::busy | PageInfo::busy_cpu_mask)) |
               u64{new_prefix} << PageInfo::prefix_shift;
        next += uses;
    } while (!page.type.compare_exchange_weak(word, next, std::memory_order_acq_rel));
    // A prefix holds one reference on its own frame. The caller holds another, so neither line can free it.
    if (!old_prefix && new_prefix) page.count.fetch_add(1, std::memory_order_relaxed);
    if (old_prefix && !new_prefix) PageRef::release(page);
}

// Sparse tables are the rule: look at eight empty entries at once.
bool eight_are_empty(u64 const* entry) {
    u64 any = 0;
    for (u32 i = 0; i < 8; ++i) any |= load(entry + i).raw;
    return any == 0;
}

struct Extent {
    u32 prefix;
    Errno error;  // ok: all entries are held
};

Extent extend_l1(u64* entries, u32 from, Domain& domain) {
    PageOwner owner = PageOwner::of(domain);
    for (u32 i = from; i < entries_per_table; ++i) {
        if (i % 8 == 0 && eight_are_empty(entries + i)) {
            i += 7;
            continue;
        }
        Pte wanted = load(entries + i);
        Result<Pte> stored = acquire_leaf(wanted, domain, owner);
        if (!stored) return {i, stored.error()};
        if (*stored != wanted) store(entries + i, *stored);
    }
    return {entries_per_table, Errno::ok};
}

Extent extend_table(u64* entries, u32 from, PageType level, Domain& domain) {
    for (u32 i = from; i < entries_per_table; ++i) {
        if (level == PageType::l4 && is_hypervisor_slot(i)) {
            store(entries + i, Pte{hypervisor_l4_entries[i - first_hypervisor_slot]});
            continue;
        }
        Pte wanted = load(entries + i);
        if (!wanted.is_present()) continue;
        if (i != from && hal::should_preempt()) return {i, Errno::again};  // never without a step forward
        Result<Pte> stored = acquire_table_entry(wanted, level, domain);
        if (!stored) return {i, stored.error()};
        if (*stored != wanted) store(entries + i, *stored);
    }
    return {entries_per_table, Errno::ok};
}

Errno mismatch(PageType wanted) { return wanted == PageType::writable ? Errno::busy : Errno::inval; }

u64 busy_here() { return PageInfo::busy | u64{hal::this_cpu()} << PageInfo::busy_cpu_shift; }

// A table that (indirectly) refers to itself meets a frame that this CPU is busy with: repeating would never help.
Errno conflict(u64 word, PageType wanted) {
    if ((word & (PageInfo::busy | PageInfo::busy_cpu_mask)) == busy_here()) return mismatch(wanted);
    return Errno::again;
}

// Claims a frame without uses for a new type. Errors as promote.
Result<u64> claim(PageInfo& page, u64 word, PageType type) {
    if (word & PageInfo::busy) return conflict(word, type);
    u64 next = (word & ~(PageInfo::kind_bits(static_cast<PageType>(15)))) | PageInfo::kind_bits(type);
    next = type == PageType::writable ? next + 1 : next | busy_here();
    if (!page.type.compare_exchange_strong(word, next, std::memory_order_acq_rel)) return Errno::again;
    return next;
}

void queue_for_demotion(PageInfo& page) {
    if (page.type.fetch_or(PageInfo::queued, std::memory_order_acq_rel) & PageInfo::queued) return;
    page.count.fetch_add(1, std::memory_order_relaxed);  // the queue's own
    DemotionQueue& queue = hal::current().demotions;
    page.demote_next = queue.head;
    queue.head = static_cast<u32>(mfn_of(page).value);
}

// True when the frame holds no entries any more or is in use; false if preempted or another CPU is at it.
bool shrink(PageInfo& page) {
    u64 word = page.type.load(std::memory_order_acquire);
    do {
        if ((word & PageInfo::use_mask) || PageInfo::prefix_of(word) == 0) return true;
        if (word & PageInfo::busy) return false;
    } while (!page.type.compare_exchange_weak(word, word | busy_here(), std::memory_order_acq_rel));

    PageType level = PageInfo::kind_of(word);
    u64* entries = entries_of(page);
    u32 const before = PageInfo::prefix_of(word);
    u32 prefix = before;
    while (prefix > 0) {
        if (level != PageType::l1 && prefix != before && hal::should_preempt()) break;
        if (prefix % 8 == 0 && eight_are_empty(entries + prefix - 8)) {
            prefix -= 8;
            continue;
        }
        Pte pte = load(entries + --prefix);
        if (level == PageType::l1) release_leaf(pte);
        else if (level == PageType::l4 && is_hypervisor_slot(prefix))
            store(entries + prefix, Pte{});  // a former root tells its owner nothing about the hypervisor
        else release_table_entry(pte);
    }
    page.stamp = tlb::stamp_now();
    PageRef hold = PageRef::again(page);
    finish_move(page, before, prefix, 0);
    return prefix == 0;
}

Result<> extend(PageInfo& page, u64 word, PageType type, Domain& domain) {
    u32 before = PageInfo::prefix_of(word);
    Extent extent = type == PageType::segdesc ? Extent{0, validate_descriptors(page)}
                    : type == PageType::l1    ? extend_l1(entries_of(page), before, domain)
                                              : extend_table(entries_of(page), before, type, domain);
    finish_move(page, before, extent.prefix, extent.error == Errno::ok ? 1 : 0);
    if (extent.error == Errno::ok) return {};
    if (extent.error != Errno::again && extent.prefix > 0) queue_for_demotion(page);
    return extent.error;
}
}  // namespace

Result<TypedRef> promote(PageRef page, PageType type, Domain& domain) {
    u64 word = page->type.load(std::memory_order_acquire);
    while (word & PageInfo::use_mask) {
        if (PageInfo::kind_of(word) != type || (word & PageInfo::use_mask) >= PageInfo::ref_limit)
            return mismatch(type);
        if (page->type.compare_exchange_weak(word, word + 1, std::memory_order_acquire))
            return TypedRef::adopt(std::move(page).leak());
    }
    if (PageInfo::prefix_of(word) != 0 && PageInfo::kind_of(word) != type) {
        if (word & PageInfo::busy) return conflict(word, type);
        if (!shrink(*page)) return Errno::again;
        word = page->type.load(std::memory_order_acquire);
        if ((word & PageInfo::use_mask) || PageInfo::prefix_of(word)) return Errno::again;
    }

    PageType const before = PageInfo::kind_of(word);
    u32 const stamp = page->stamp;
    word = TRY(claim(*page, word, type));
    // No new entry of the former kind can appear now; what CPUs remember of the old ones must go before the frame
    // serves as the new kind.
    if (before != type && before != PageType::none) tlb::flush_stale(stamp, domain.dirty_cpus);
    if (type != PageType::writable) TRY(extend(*page, word, type, domain));
    return TypedRef::adopt(std::move(page).leak());
}

void last_use_ended(PageInfo& page) {
    if (page.prefix() != 0) queue_for_demotion(page);
}

bool drain_demotions(DemotionQueue& queue) {
    while (!queue.empty()) {
        PageInfo& page = frame_table[queue.head];
        queue.head = page.demote_next;
        page.type.fetch_and(~PageInfo::queued, std::memory_order_acq_rel);
        PageRef hold = PageRef::adopt(page);  // the queue's reference
        if (!shrink(page)) {
            queue_for_demotion(page);
            return false;
        }
        if (!queue.empty() && hal::should_preempt()) return false;
    }
    return true;
}

bool demote_residue(PageInfo& page) {
    while (page.type.load(std::memory_order_acquire) & PageInfo::pinned) {
        if (page.type.fetch_and(~PageInfo::pinned, std::memory_order_acq_rel) & PageInfo::pinned)
            TypedRef::release(page);
    }
    return shrink(page);
}

Result<Pte> acquire_table_entry(Pte wanted, PageType level, Domain& domain) {
    if (!wanted.is_present()) return wanted;
    u64 beyond = Pte::address & ~((u64{1} << hal::max_address_bits()) - 1);
    if (wanted.raw & (~(Pte::table_allowed | Pte::address) | beyond)) return Errno::inval;
    PageRef page = TRY(get_page(wanted.mfn(), domain.id));
    TypedRef table = TRY(promote(std::move(page), below(level), domain));
    (void)std::move(table).leak();
    return Pte{wanted.raw | Pte::user | (level == PageType::l4 ? Pte::accessed : 0)};
}

void release_table_entry(Pte stored) {
    if (stored.is_present()) TypedRef::release(page_of(stored.mfn()));
}
}  // namespace hv
