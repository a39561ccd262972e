// SPDX-License-Identifier: MIT
#include "core/sched/runstate.hpp"

namespace hv::sched {
void enter_runstate(Vcpu& vcpu, u32 state, Time now) {
    abi::VcpuRunstateInfo& info = vcpu.runstate;
    if (info.state == state) return;
    if (now > info.state_entry_time) info.time[info.state] += now - info.state_entry_time;
    info.state = state;
    info.state_entry_time = now;
}
}  // namespace hv::sched
