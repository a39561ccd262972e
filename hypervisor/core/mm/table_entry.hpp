// SPDX-License-Identifier: MIT
// What an entry of a page table of level 2, 3 or 4 may name, and what it holds; level 1 is leaf.hpp. Promotion and
// demotion of whole tables (typed_ref.hpp) are built on both.
#pragma once
#include <array>
#include "core/domain.hpp"
#include "core/mm/typed_ref.hpp"
#include "portable/base/pte.hpp"

namespace hv {
// The entries of L4 slots 256-271, the same in every root. Written at boot by x86.
extern constinit std::array<u64, last_hypervisor_slot - first_hypervisor_slot + 1> hypervisor_l4_entries;

// Takes the typed reference that an entry of a `level` table (l2, l3 or l4) holds on the next lower table, and returns
// the entry as it is to be stored. Errors: inval, and again as promote.
Result<Pte> acquire_table_entry(Pte wanted, PageType level, Domain& domain);
void release_table_entry(Pte stored);

constexpr PageType below(PageType level) { return static_cast<PageType>(static_cast<u8>(level) - 1); }
}  // namespace hv
