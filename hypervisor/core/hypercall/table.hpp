// SPDX-License-Identifier: MIT
// Which function handles which hypercall number. Every slot holds a function: the unused ones answer -ENOSYS.
#pragma once
#include <array>
#include "core/hypercall/dispatch.hpp"
#include "public/hypercall.hpp"

namespace hv {
// As many as a mask can tell, for whoever has mispredicted the check of the number.
inline constexpr usize hypercall_slots = 64;
extern constinit std::array<Handler*, hypercall_slots> const hypercall_table;

// Runs hypercall `number` for `vcpu`, the current one. `again`: the caller makes the guest repeat the instruction.
inline Outcome dispatch_hypercall(Vcpu& vcpu, u64 number, HypercallArgs& args) {
    if (number >= hypercall_slots) [[unlikely]]
        return Errno::nosys;
    asm("" : "+r"(number));  // the compiler, which has seen the comparison, would leave the mask out
    return hypercall_table.data()[number % hypercall_slots](vcpu, args);
}
}  // namespace hv
