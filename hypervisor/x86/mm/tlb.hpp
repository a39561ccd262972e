// SPDX-License-Identifier: MIT
// Flushing what CPUs remember of page tables. Entries are never global, so loading CR3 drops everything.
#pragma once

namespace hv::x86_tlb {
// This CPU's part of what another one asked for: from the interrupt, and while waiting with interrupts off.
void answer();
}  // namespace hv::x86_tlb
