// SPDX-License-Identifier: MIT
// What a present entry of a page table may name, and what it holds. At level 1 a `writable` use of the frame if it
// allows writing, and a reference otherwise; I/O addresses hold nothing. Above, a use of the table below. Promotion and
// demotion of whole tables (typed_ref.hpp) are built on both.
#pragma once
#include <array>
#include "core/domain.hpp"
#include "core/mm/typed_ref.hpp"
#include "portable/base/pte.hpp"

namespace hv {
// Whose frames an entry may name, as the caller of mmu_update said.
struct PageOwner {
    Domid id;
    Domid plain;           // whose frames need no note when they are mapped: its own, or `nobody`'s, who has none
    Domain const* rights;  // whose right to map I/O counts; null: nobody's

    static PageOwner of(Domain const& domain) { return {domain.id, domain.id, &domain}; }
    // In tables of another domain a frame is marked before an entry allows writing to it.
    PageOwner in_tables_of(Domain const& tables) const { return {id, id == tables.id ? id : nobody, rights}; }
    // A grant mapping holds its frame until what CPUs remember of it is flushed.
    static PageOwner granted(Domid id) { return {id, id, nullptr}; }

    // The owner of no frame, ever: free ones, and those that are just being given to somebody, have domid_invalid.
    static constexpr Domid nobody{0xffff};
    bool may_map_io() const { return rights && rights->may_map_io; }
    bool is_elsewhere() const { return plain == nobody; }
};

// Machine addresses that nobody may map (LAPIC, IO-APICs, MSI window), or only to read (MSI-X tables): an entry that
// would allow writing loses that right. False: the list is full.
enum class Protection : u8 { none, read_only, denied };
bool protect_io(Mfn first, u64 count, Protection protection);

// acquire_leaf for what the usual case leaves.
Result<Pte> acquire_other_leaf(Pte wanted, Domain& table_owner, PageOwner const& owner);

// Takes the references for `wanted` in a table of `table_owner` and returns the entry as it is to be stored (user bit
// set, cache attributes of I/O mappings made safe). Entries that are not present hold nothing and are stored as they
// are. Errors: inval bad flags, perm forbidden I/O or an address beyond the machine's width, busy not that owner's
// frame or a frame in use as page table, acces cache attributes on hypervisor memory.
[[gnu::always_inline]] inline Result<Pte> acquire_leaf(Pte wanted, Domain& table_owner, PageOwner const& owner) {
    if (!wanted.is_present()) return wanted;
    Pte const stored{wanted.raw | Pte::user};
    if ((wanted.raw & ~(Pte::leaf_allowed | Pte::address)) == 0) [[likely]] {
        if (wanted.is_writable()) {
            if (join_uses(wanted.mfn(), owner.plain, PageType::writable)) [[likely]]
                return stored;
        } else if (auto page = get_page(wanted.mfn(), owner.plain)) [[likely]] {
            (void)(*std::move(page)).leak();
            return stored;
        }
    }
    PageOwner const in_memory = owner;  // only here: the usual case has it in registers
    return acquire_other_leaf(wanted, table_owner, in_memory);
}

[[gnu::always_inline]] inline void release_leaf(Pte stored) {
    // Its number was checked when it was stored.
    if (!stored.is_present() || stored.mfn().value >= max_mfn) return;
    PageInfo& page = page_of(stored.mfn());
    if (page.owner() == abi::domid_io) return;
    if (stored.is_writable()) TypedRef::release(page);
    else PageRef::release(page);
}

// --- levels 2, 3 and 4
// The entries of L4 slots 256-271, the same in every root. Written at boot by x86.
extern constinit std::array<u64, last_hypervisor_slot - first_hypervisor_slot + 1> hypervisor_l4_entries;

// Takes the typed reference that an entry of a `level` table (l2, l3 or l4) holds on the next lower table, and returns
// the entry as it is to be stored. Errors: inval, and again as promote.
Result<Pte> acquire_table_entry(Pte wanted, PageType level, Domain& domain);
void release_table_entry(Pte stored);

constexpr PageType below(PageType level) { return static_cast<PageType>(static_cast<u8>(level) - 1); }
}  // namespace hv
