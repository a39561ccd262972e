// SPDX-License-Identifier: MIT
// What a present level-1 entry may map, and the references it holds: one on the frame, and a `writable` use if it
// allows writing. I/O addresses hold none.
#pragma once
#include "core/domain.hpp"
#include "core/mm/pte.hpp"
#include "core/mm/typed_ref.hpp"

namespace hv {
// Whose frames an entry may name, as the caller of mmu_update said.
struct PageOwner {
    Domid id;
    bool may_map_io;

    static PageOwner of(Domain const& domain) { return {domain.id, domain.may_map_io}; }
};

// Machine addresses that nobody may map (LAPIC, IO-APICs, MSI window), or only to read (MSI-X tables): an entry that
// would allow writing loses that right. False: the list is full.
enum class Protection : u8 { none, read_only, denied };
bool protect_io(Mfn first, u64 count, Protection protection);

// Takes the references for `wanted` in a table of `table_owner` and returns the entry as it is to be stored (user bit
// set, cache attributes of I/O mappings made safe). Entries that are not present hold nothing and are stored as they
// are. Errors: inval bad flags, perm forbidden I/O or an address beyond the machine's width, busy not that owner's
// frame or a frame in use as page table, acces cache attributes on hypervisor memory.
Result<Pte> acquire_leaf(Pte wanted, Domain& table_owner, PageOwner owner);
void release_leaf(Pte stored);
}  // namespace hv
