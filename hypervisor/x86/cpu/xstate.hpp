// SPDX-License-Identifier: MIT
// Extended processor state of vCPUs: x87, SSE, AVX. Saved and loaded whole, whatever XCR0 the vCPU runs with: a
// component it has switched off may still hold what it, or another vCPU, left there.
#pragma once
#include "core/vcpu.hpp"

namespace hv::xstate {
void init_cpu();
void save(Vcpu& vcpu);
void load(Vcpu const& vcpu);
void set_xcr0(Vcpu& vcpu, u64 value);  // of the current vCPU
}  // namespace hv::xstate
