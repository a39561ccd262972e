// SPDX-License-Identifier: MIT
// Finding and changing single entries of live page tables: for update_va_mapping, mmu_update, grant mappings and the
// emulation of writes to page tables.
#pragma once
#include "core/domain.hpp"
#include "core/mm/leaf.hpp"
#include "core/mm/pte.hpp"
#include "core/mm/typed_ref.hpp"

namespace hv {
// A place in a level-1 table that stays one while this object lives.
struct L1Slot {
    TypedRef table;
    u64* entry;

    Pte load() const { return Pte{__atomic_load_n(entry, __ATOMIC_RELAXED)}; }
};

// Walks the vCPU's kernel root. inval if no live level-1 table of its domain is reached.
Result<L1Slot> find_l1(Vcpu& vcpu, u64 va);

// The entry at a machine address. inval if it is misaligned or not in a live level-1 table of `domain`.
Result<L1Slot> l1_slot_at(Domain& domain, Maddr address);

// The level-1 entry that maps `va` in the kernel root, for reading only. inval if the walk ends above it.
Result<Pte> read_leaf(Vcpu const& vcpu, u64 va);

enum class Replace : u8 {
    plain,
    preserve_accessed_dirty,  // bits A and D that are set in the old entry stay set
};

// Stores `wanted` in an entry of a level-1 table that the caller holds typed, under the rules of leaf.hpp. Hardware and
// other vCPUs may change the entry meanwhile.
Result<> replace_l1(u64* entry, Pte wanted, Domain& table_owner, PageOwner owner, Replace mode = Replace::plain);

// The same, but only if the entry still is `expected`; false if it is not (nothing changed then).
Result<bool> compare_exchange_l1(u64* entry, Pte expected, Pte wanted, Domain& table_owner, PageOwner owner);
}  // namespace hv
