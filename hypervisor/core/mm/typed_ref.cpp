// SPDX-License-Identifier: MIT
// Promotion and demotion. Both move a frame's prefix, entry by entry, holding its `busy` bit meanwhile; see
// page_info.hpp.
#include "core/mm/typed_ref.hpp"
#include "core/hal/cpu.hpp"
#include "core/hal/memory.hpp"
#include "core/mm/descriptor.hpp"
#include "core/mm/entry.hpp"
#include "core/mm/tlb_clock.hpp"

namespace hv {
namespace {
u64* entries_of(PageInfo const& page) { return reinterpret_cast<u64*>(hal::map(mfn_of(page))); }

Pte load(u64 const* entry) { return Pte{__atomic_load_n(entry, __ATOMIC_RELAXED)}; }
void store(u64* entry, Pte pte) { __atomic_store_n(entry, pte.raw, __ATOMIC_RELAXED); }

// Writes the state a prefix move ended in and lets go of the frame. Other bits (queued) may change concurrently.
void finish_move(PageInfo& page, u32 old_prefix, u32 new_prefix, u32 uses) {
    // A prefix holds one reference on its own frame: taken before anybody sees the prefix, since whoever does may
    // shrink it and give that reference back. The caller holds another, so the last line cannot free the frame.
    if (!old_prefix && new_prefix) page.count.fetch_add(1, std::memory_order_relaxed);
    u64 word = page.type.load(std::memory_order_relaxed);
    u64 next;
    do {
        next = (word & ~(PageInfo::prefix_mask | PageInfo::busy | PageInfo::busy_cpu_mask)) |
               u64{new_prefix} << PageInfo::prefix_shift;
        next += uses;
    } while (!page.type.compare_exchange_weak(word, next, std::memory_order_acq_rel));
    if (old_prefix && !new_prefix) PageRef::release(page);
}

// Sparse tables are the rule: eight empty entries are looked at at once, where a cache line of them starts.
bool is_line(u64 const* entry) { return reinterpret_cast<u64>(entry) % 64 == 0; }
bool eight_are_empty(u64 const* entry) {
    u64 any = 0;
#pragma GCC unroll 8
    for (u32 i = 0; i < 8; ++i) any |= load(entry + i).raw;
    return any == 0;
}

struct Extent {
    u32 prefix;
    Errno error;  // ok: all entries are held
};

// By itself, as shrink_l1: in line with what is longer, each entry would cost an instruction more.
[[gnu::noinline]] Extent extend_l1(u64* entries, u32 from, Domain& domain) {
    PageOwner const owner = PageOwner::of(domain);
    for (u64* entry = entries + from; entry != entries + entries_per_table; ++entry) {
        if (is_line(entry) && eight_are_empty(entry)) {
            entry += 7;
            continue;
        }
        Pte const wanted = load(entry);
        Result<Pte> stored = acquire_leaf(wanted, domain, owner);
        if (!stored) return {static_cast<u32>(entry - entries), stored.error()};
        if (*stored != wanted) store(entry, *stored);
    }
    return {entries_per_table, Errno::ok};
}

Extent extend_table(u64* entries, u32 from, PageType level, Domain& domain) {
    for (u32 i = from; i < entries_per_table; ++i) {
        if (level == PageType::l4 && is_hypervisor_slot(i)) {
            store(entries + i, Pte{i == m2p_slot ? 0 : hypervisor_l4_entries[i - first_hypervisor_slot]});
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

// The type word, once it is not just changing: another CPU does that in a few instructions.
u64 settled(PageInfo const& page) {
    u64 word;
    while ((word = page.type.load(std::memory_order_acquire)) & PageInfo::ending) spin_wait();
    return word;
}

void queue_for_demotion(PageInfo& page) {
    if (page.type.fetch_or(PageInfo::queued, std::memory_order_acq_rel) & PageInfo::queued) return;
    page.count.fetch_add(1, std::memory_order_relaxed);  // the queue's own
    DemotionQueue& queue = hal::current().demotions;
    page.demote_next = queue.head;
    queue.head = static_cast<u32>(mfn_of(page).value);
}

// How much of the prefix is left.
[[gnu::noinline]] u32 shrink_l1(u64 const* entries, u32 prefix) {
    for (u64 const* entry = entries + prefix; entry != entries;) {
        if (is_line(entry) && eight_are_empty(entry - 8)) entry -= 8;
        else release_leaf(load(--entry));
    }
    return 0;
}

u32 shrink_table(u64* entries, u32 prefix, PageType level) {
    for (u32 const before = prefix; prefix > 0;) {
        if (prefix != before && hal::should_preempt()) return prefix;
        if (prefix % 8 == 0 && eight_are_empty(entries + prefix - 8)) {
            prefix -= 8;
            continue;
        }
        Pte pte = load(entries + --prefix);
        if (level == PageType::l4 && is_hypervisor_slot(prefix))
            store(entries + prefix, Pte{});  // a former root tells its owner nothing about the hypervisor
        else release_table_entry(pte);
    }
    return 0;
}

// True when the frame holds no entries any more or is in use; false if preempted or another CPU is at it.
bool shrink(PageInfo& page) {
    u64 word = settled(page);
    do {
        if ((word & PageInfo::use_mask) || PageInfo::prefix_of(word) == 0) return true;
        if (word & PageInfo::busy) return false;
    } while (!page.type.compare_exchange_weak(word, word | busy_here(), std::memory_order_acq_rel));

    PageType const level = PageInfo::kind_of(word);
    u32 const before = PageInfo::prefix_of(word);
    u64* const entries = entries_of(page);
    u32 const prefix = level == PageType::l1 ? shrink_l1(entries, before) : shrink_table(entries, before, level);
    finish_move(page, before, prefix, 0);
    return prefix == 0;
}

Extent extend(PageInfo& page, u32 before, PageType type, Domain& domain) {
    switch (type) {
        case PageType::writable: return {0, Errno::ok};
        case PageType::segdesc: return {0, validate_descriptors(page)};
        case PageType::l1: return extend_l1(entries_of(page), before, domain);
        default: return extend_table(entries_of(page), before, type, domain);
    }
}
}  // namespace

Result<TypedRef> promote(PageRef page, PageType type) {
    u64 word = settled(*page);
    if (!(word & PageInfo::use_mask) && PageInfo::prefix_of(word) && PageInfo::kind_of(word) != type) {
        if (word & PageInfo::busy) return conflict(word, type);
        // What was given up is a step forward, and one like it may follow for each entry of a new table.
        if (!shrink(*page) || hal::should_preempt()) return Errno::again;
        word = settled(*page);
    }
    u64 next;
    do {
        if (word & PageInfo::ending) word = settled(*page);
        bool const same = PageInfo::kind_of(word) == type;
        if (word & PageInfo::use_mask) {
            if (!same || (word & PageInfo::use_mask) >= PageInfo::ref_limit) return mismatch(type);
            next = word + 1;
        } else {
            if (word & PageInfo::busy) return conflict(word, type);
            if (!same && PageInfo::prefix_of(word)) return Errno::again;  // another CPU was faster
            next = (word & ~PageInfo::kind_mask) | PageInfo::kind_bits(type) | busy_here();
        }
    } while (!page->type.compare_exchange_weak(word, next, std::memory_order_acq_rel));
    if (word & PageInfo::use_mask) return TypedRef::adopt(*page);

    // While the frame is busy nobody can use it as the former kind nor as the new one. What CPUs remember of the former
    // must go before it serves as the new: its owner's CPUs, and any other if somebody else had it mapped writable.
    // That is a step forward, too, and one may follow for each entry of a table.
    Domain& owner = owner_of_live_frame(page->owner());
    PageType const former = PageInfo::kind_of(word);
    if (former != type && former != PageType::none) {
        bool const flushed = page->count_has(PageInfo::mapped_elsewhere)
                                 ? tlb::flush_stale_everywhere(page->stamp)
                                 : tlb::flush_stale(page->stamp, owner.dirty_cpus);
        if (flushed && hal::should_preempt()) {
            finish_move(*page, 0, 0, 0);  // of the new kind, with no use yet: the next try needs no flush
            return Errno::again;
        }
    }

    u32 const before = PageInfo::prefix_of(word);
    Extent const extent = extend(*page, before, type, owner);
    finish_move(*page, before, extent.prefix, extent.error == Errno::ok ? 1 : 0);
    if (extent.error == Errno::ok) return TypedRef::adopt(std::move(page).leak());
    if (extent.error != Errno::again && extent.prefix > 0) queue_for_demotion(*page);
    return extent.error;
}

void TypedRef::release_last(PageInfo& page) {
    u64 word = page.type.load(std::memory_order_relaxed);
    u64 next;
    do {
        ASSERT(word & PageInfo::use_mask);
        next = word - 1;
        if (!(next & PageInfo::use_mask)) next |= PageInfo::ending;
    } while (!page.type.compare_exchange_weak(word, next, std::memory_order_acq_rel));
    if (next & PageInfo::use_mask) return;
    // Read after the end of every use: a stamp taken earlier would miss a use that came and went meanwhile.
    page.stamp = tlb::stamp_now();
    page.type.fetch_and(~PageInfo::ending, std::memory_order_acq_rel);
    if (PageInfo::prefix_of(word)) queue_for_demotion(page);
    PageRef::release(page);  // that of all uses
}

bool demote_queued(DemotionQueue& queue) {
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
}  // namespace hv
