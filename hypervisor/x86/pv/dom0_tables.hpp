// SPDX-License-Identifier: MIT
// Dom0's initial page tables: the run of pfns from 0 at its kernel's base, and the list of frames at an address of its
// own.
#pragma once
#include "core/pv/dom0_layout.hpp"
#include "x86/pv/dom0_memory.hpp"

namespace hv::x86 {
// Returns the root. Its hypervisor slots are filled when it is promoted.
Mfn build_dom0_tables(Dom0Memory& memory, pv::Dom0Layout const& layout);
}  // namespace hv::x86
