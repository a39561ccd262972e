// SPDX-License-Identifier: MIT
// The machine-to-physical table: for each frame the pfn its owner calls it. Guests read it directly, so it must be
// right before the hypercall that changes it returns. The hypervisor never trusts it.
#pragma once
#include "base/types.hpp"
#include "core/mm/page_info.hpp"

namespace hv {
extern constinit u64* m2p_table;  // writable alias, max_mfn entries

inline void set_m2p(Mfn mfn, u64 pfn) {
    if (mfn.value < max_mfn) __atomic_store_n(&m2p_table[mfn.value], pfn, __ATOMIC_RELAXED);
}
inline void clear_m2p(Mfn mfn) { set_m2p(mfn, abi::invalid_m2p_entry); }
}  // namespace hv
