// SPDX-License-Identifier: MIT
#include "core/mm/l1_entry.hpp"

namespace hv {
Result<Pte> read_leaf(Vcpu const& vcpu, u64 va) {
    Pte const leaf = is_guest_address(va) ? walk_guest<1>(vcpu.kernel_root.cr3_or(0), va) : Pte{};
    return leaf.is_present() ? Result<Pte>{leaf} : Errno::inval;
}

Result<bool> compare_exchange_l1(u64* entry, Pte expected, Pte wanted, Domain& table_owner, PageOwner const& owner) {
    Pte stored = TRY(acquire_leaf(wanted, table_owner, owner));
    bool const exchanged = exchange_entry(entry, expected, stored);
    release_leaf(exchanged ? expected : stored);
    return exchanged;
}
}  // namespace hv
