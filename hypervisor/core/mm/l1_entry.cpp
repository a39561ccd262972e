// SPDX-License-Identifier: MIT
#include "core/mm/l1_entry.hpp"

namespace hv {
Result<Pte> read_leaf(Vcpu const& vcpu, u64 va) {
    Pte const above = is_guest_address(va) ? hal::l2_entry(vcpu.kernel_cr3, va) : Pte{};
    if (!above.is_present() || !is_ram(above.mfn())) return Errno::inval;
    return Pte{__atomic_load_n(reinterpret_cast<u64 const*>(hal::map(above.mfn())) + l1_index(va), __ATOMIC_RELAXED)};
}

Result<bool> compare_exchange_l1(u64* entry, Pte expected, Pte wanted, Domain& table_owner, PageOwner const& owner) {
    Pte stored = TRY(acquire_leaf(wanted, table_owner, owner));
    bool const exchanged = exchange_entry(entry, expected, stored);
    release_leaf(exchanged ? expected : stored);
    return exchanged;
}
}  // namespace hv
