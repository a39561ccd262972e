// SPDX-License-Identifier: MIT
// The model-specific registers that a PV guest reads as a constant and whose writes vanish. A kernel draws conclusions
// from each (docs/cpuid.md). Pure: the machine's CPUID comes through a function.
#pragma once
#include <optional>
#include "core/pv/cpuid.hpp"

namespace hv::pv {
// None: the register is not one of these, or the vendor's processors do not have it.
std::optional<u64> constant_msr(HostCpuid host, CpuidGuest const& guest, u32 index);
}  // namespace hv::pv
