// SPDX-License-Identifier: MIT
// Finding and changing single entries of live page tables: for update_va_mapping, mmu_update, grant mappings and the
// emulation of writes to page tables.
#pragma once
#include "core/domain.hpp"
#include "core/hal/memory.hpp"
#include "core/mm/guest_walk.hpp"
#include "core/mm/leaf.hpp"
#include "core/mm/typed_ref.hpp"
#include "portable/base/pte.hpp"

namespace hv {
// A place in a level-1 table that stays one while this object lives.
struct L1Slot {
    TypedRef table;
    u64* entry;

    Pte load() const { return Pte{__atomic_load_n(entry, __ATOMIC_RELAXED)}; }
};

// The entry at a machine address. inval if it is misaligned or not in a live level-1 table of `domain`.
inline Result<L1Slot> l1_slot_at(Domain& domain, Maddr address) {
    Mfn const mfn{address.value >> page_shift};
    PageInfo* table = address.value % sizeof(u64) ? nullptr : join_uses(mfn, domain.id, PageType::l1);
    if (!table) return Errno::inval;
    return L1Slot{TypedRef::adopt(*table), reinterpret_cast<u64*>(hal::map(mfn) + address.value % page_size)};
}

// One more use of the level-1 table that a walk with nothing held has come to, or null. What the walk has read is
// mostly a validated entry, but may be any number (guest_walk.hpp), so it is compared; not masked, which would cost
// most of the budget that is left here for what a mispredicted comparison could read: one word, at a place that only a
// race chooses.
[[gnu::always_inline]] inline PageInfo* join_walked_table(Pte above, Domid owner) {
    if (above.mfn().value >= max_mfn) [[unlikely]]
        return nullptr;
    return join_uses(page_of(above.mfn()), owner, PageType::l1);
}

// By a root of the domain's. inval if no live level-1 table of its own is reached.
inline Result<L1Slot> find_l1(Domain& domain, u64 root, u64 va) {
    if (!is_guest_address(va)) return Errno::inval;
    Pte const above = walk_guest<2>(root, va);
    if (!above.is_present()) return Errno::inval;
    PageInfo* const table = join_walked_table(above, domain.id);
    if (!table) return Errno::inval;
    return L1Slot{TypedRef::adopt(*table), reinterpret_cast<u64*>(hal::map(above.mfn())) + l1_index(va)};
}

// The level-1 entry that maps `va` in the kernel root, for reading only. inval if the walk ends above it.
Result<Pte> read_leaf(Vcpu const& vcpu, u64 va);

enum class Replace : u8 {
    plain,
    preserve_accessed_dirty,  // bits A and D that are set in the old entry stay set
};

inline bool exchange_entry(u64* entry, Pte& expected, Pte fresh) {
    return __atomic_compare_exchange_n(entry, &expected.raw, fresh.raw, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

// An exchange of an entry that hardware and other vCPUs may change meanwhile, until it succeeds; `old` gets what was
// there. While `still` holds for that.
template <class F>
[[gnu::always_inline]] inline bool exchange_while(u64* entry, Pte& old, Pte fresh, Replace mode, F still) {
    u64 const kept = mode == Replace::plain || !fresh.is_present() ? 0 : Pte::accessed | Pte::dirty;
    do {
        if (!still(old)) return false;
    } while (!exchange_entry(entry, old, Pte{fresh.raw | (old.raw & kept)}));
    return true;
}

// Stores `wanted` in an entry of a level-1 table that the caller holds typed, under the rules of leaf.hpp.
[[gnu::always_inline]] inline Result<> replace_l1(u64* entry, Pte wanted, Domain& table_owner, PageOwner const& owner,
                                                  Replace mode = Replace::plain) {
    // Differences in these change nothing of what the entry holds.
    constexpr u64 soft_bits =
        Pte::no_execute | Pte::available | Pte::available_high | Pte::global | Pte::accessed | Pte::dirty | Pte::user;
    Pte old{__atomic_load_n(entry, __ATOMIC_RELAXED)};
    auto alike = [=](Pte pte) { return ((pte.raw ^ wanted.raw) & ~soft_bits) == 0 && wanted.is_present(); };
    if (exchange_while(entry, old, Pte{wanted.raw | Pte::user}, mode, alike)) return {};
    Pte const stored = TRY(acquire_leaf(wanted, table_owner, owner));
    exchange_while(entry, old, stored, mode, [](Pte) { return true; });
    release_leaf(old);
    return {};
}

// The same, but only if the entry still is `expected`; false if it is not (nothing changed then).
Result<bool> compare_exchange_l1(u64* entry, Pte expected, Pte wanted, Domain& table_owner, PageOwner const& owner);
}  // namespace hv
