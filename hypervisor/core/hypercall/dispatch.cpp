// SPDX-License-Identifier: MIT
#include "core/hypercall/dispatch.hpp"
#include "core/hypercall/table.hpp"
#include "core/mm/demotion.hpp"

namespace hv {
Outcome dispatch_hypercall(Vcpu& vcpu, u64 number, HypercallArgs& args) {
    if (number >= hypercall_table.size()) [[unlikely]]
        return Errno::nosys;
    Outcome const outcome = hypercall_table[number](vcpu, args);
    // What a preempted drain leaves is taken up by whoever comes next: the following multicall entry, or the exit path
    // before this vCPU runs guest code.
    if (!vcpu.demotions.empty()) [[unlikely]]
        (void)drain_demotions(vcpu.demotions);
    return outcome;
}
}  // namespace hv
