// SPDX-License-Identifier: MIT
#include "core/mm/table_entry.hpp"
#include "core/hal/memory.hpp"

namespace hv {
constinit std::array<u64, last_hypervisor_slot - first_hypervisor_slot + 1> hypervisor_l4_entries{};

Result<Pte> acquire_table_entry(Pte wanted, PageType level, Domain& domain) {
    if (!wanted.is_present()) return wanted;
    u64 beyond = Pte::address & ~((u64{1} << hal::max_address_bits()) - 1);
    if (wanted.raw & (~(Pte::table_allowed | Pte::address) | beyond)) return Errno::inval;
    TypedRef table = TRY(get_typed(wanted.mfn(), domain.id, below(level)));
    (void)std::move(table).leak();
    return Pte{wanted.raw | Pte::user | (level == PageType::l4 ? Pte::accessed : 0)};
}

void release_table_entry(Pte stored) {
    if (stored.is_present()) TypedRef::release(page_of(stored.mfn()));
}
}  // namespace hv
