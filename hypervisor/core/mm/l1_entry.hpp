// SPDX-License-Identifier: MIT
// Finding and changing single entries of live page tables: for update_va_mapping, mmu_update, grant mappings and the
// emulation of writes to page tables.
#pragma once
#include "core/domain.hpp"
#include "core/hal/memory.hpp"
#include "core/mm/entry.hpp"
#include "core/mm/typed_ref.hpp"
#include "portable/base/pte.hpp"

namespace hv {
// The way from a root to an entry goes without holding the tables on it. Another vCPU may take them apart meanwhile, so
// what is read may be no table any more: then the result is nonsense, or none, but nothing outside RAM is touched, as
// the direct map has nothing else. The caller checks what it gets to.
//
// The entry of that level that leads to a guest's address; one that is not present if there is none.
template <u32 level>
[[gnu::always_inline]] inline Pte walk_guest(u64 root, u64 va) {
    u64 entry = root | Pte::present;
#pragma GCC unroll 4
    for (u32 shift = 39; shift >= 3 + 9 * level; shift -= 9) {
        if (!(entry & Pte::present)) return Pte{0};
        entry = hal::read_or_zero(Maddr{(entry & Pte::address) + (va >> (shift - 3) & 0xff8)});
    }
    return Pte{entry};
}

// Whether all entries on the way to a guest's address allow writes, for what is told of a fault there.
inline bool allows_writes(u64 root, u64 va) {
    if (!is_guest_address(va)) return false;
    u64 const all = walk_guest<1>(root, va).raw & walk_guest<2>(root, va).raw & walk_guest<3>(root, va).raw &
                    walk_guest<4>(root, va).raw;
    return Pte{all}.is_present() && Pte{all}.is_writable();
}

// A place in a level-1 table that stays one while this object lives.
struct L1Slot {
    TypedRef table;
    u64* entry;

    Pte load() const { return Pte{__atomic_load_n(entry, __ATOMIC_RELAXED)}; }
};

// The same, with one more use of the table that whoever has it gives back; null: there is none.
struct HeldL1 {
    PageInfo* table = nullptr;
    u64* entry = nullptr;
};

// The entry at a machine address, which is aligned and in a live level-1 table of the owner's.
[[gnu::always_inline]] inline HeldL1 hold_l1_at(Maddr address, Domid owner) {
    Mfn const mfn{address.value >> page_shift};
    PageInfo* const table = address.value % sizeof(u64) ? nullptr : join_uses(mfn, owner, PageType::l1);
    if (!table) return {};
    return {table, reinterpret_cast<u64*>(hal::map(mfn) + address.value % page_size)};
}
inline Result<L1Slot> l1_slot_at(Domain& domain, Maddr address) {  // inval
    HeldL1 const held = hold_l1_at(address, domain.id);
    if (!held.table) return Errno::inval;
    return L1Slot{TypedRef::adopt(*held.table), held.entry};
}

// One more use of the level-1 table that a walk with nothing held has come to, or null. What the walk has read is
// mostly a validated entry, but may be any number (walk_guest), so it is compared; not masked, which would cost
// most of the budget that is left here for what a mispredicted comparison could read: one word, at a place that only a
// race chooses.
[[gnu::always_inline]] inline PageInfo* join_walked_table(Pte above, Domid owner) {
    if (above.mfn().value >= max_mfn) [[unlikely]]
        return nullptr;
    return join_uses(page_of(above.mfn()), owner, PageType::l1);
}

// The entry that maps `va` below a root, if a live level-1 table of the owner's is reached.
[[gnu::always_inline]] inline HeldL1 hold_l1(u64 root, u64 va, Domid owner) {
    Pte const above = is_guest_address(va) ? walk_guest<2>(root, va) : Pte{};
    PageInfo* const table = above.is_present() ? join_walked_table(above, owner) : nullptr;
    if (!table) return {};
    return {table, reinterpret_cast<u64*>(hal::map(above.mfn())) + l1_index(va)};
}

// The level-1 entry that maps `va` in the kernel root, for reading only. inval if the walk ends above it.
inline Result<Pte> read_leaf(Vcpu const& vcpu, u64 va) {
    Pte const leaf = is_guest_address(va) ? walk_guest<1>(vcpu.kernel_root.cr3_or(0), va) : Pte{};
    return leaf.is_present() ? Result<Pte>{leaf} : Errno::inval;
}

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

// Stores `wanted` in an entry of a level-1 table that the caller holds typed, under the rules of entry.hpp.
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
inline Result<bool> compare_exchange_l1(u64* entry, Pte expected, Pte wanted, Domain& table_owner,
                                        PageOwner const& owner) {
    Pte stored = TRY(acquire_leaf(wanted, table_owner, owner));
    bool const exchanged = exchange_entry(entry, expected, stored);
    release_leaf(exchanged ? expected : stored);
    return exchanged;
}
}  // namespace hv
