// SPDX-License-Identifier: MIT
// Which function handles which hypercall number. Every slot holds a function: the unused ones answer -ENOSYS.
#pragma once
#include <array>
#include "core/hypercall/dispatch.hpp"
#include "public/hypercall.hpp"

namespace hv {
extern constinit std::array<Handler*, abi::hypercall::count> const hypercall_table;

// Runs hypercall `number` for `vcpu`, the current one. `again`: the caller makes the guest repeat the instruction.
inline Outcome dispatch_hypercall(Vcpu& vcpu, u64 number, HypercallArgs& args) {
    if (number >= hypercall_table.size()) [[unlikely]]
        return Errno::nosys;
    return hypercall_table[number](vcpu, args);
}
}  // namespace hv
