// SPDX-License-Identifier: MIT
// Other vCPUs of this domain. They run with events masked, on stacks of their own, in the kernel's address space.
#pragma once
#include "runtime/hypercall.hpp"

namespace guest::smp {
inline constexpr u32 most_vcpus = 4;

// Brings the vCPU up in function(), which does not return. False: the domain has no such vCPU, or it runs already.
bool start(u32 vcpu, void (*function)());

// The vCPU that asks, told by its stack.
u32 current();
}  // namespace guest::smp
