// SPDX-License-Identifier: MIT
#pragma once
#include "core/domain.hpp"

namespace hv {
// Counted. Pausing returns when no vCPU of it runs.
void pause_domain(Domain& domain);
void unpause_domain(Domain& domain);
void pause_vcpu(Vcpu& vcpu);
void unpause_vcpu(Vcpu& vcpu);
}  // namespace hv
