// SPDX-License-Identifier: MIT
// Flushing what CPUs remember of page tables. Entries are never global, so loading CR3 drops everything.
#pragma once

#include "base/bitmap.hpp"

namespace hv::x86_tlb {

inline constexpr u64 everything = ~u64{0};

void flush_local(u64 address = everything);
// All CPUs in the mask have flushed when this returns.
void flush(CpuMask const& cpus, u64 address = everything);
// This CPU's part of what another one asked for: from the interrupt, and while waiting with interrupts off.
void answer();

}  // namespace hv::x86_tlb
