// SPDX-License-Identifier: MIT
// Which vCPU runs on which CPU. Policy here, the switch itself is x86's (x86/entry calls pick_next and loads it).
#pragma once

#include "core/vcpu.hpp"

namespace hv::sched {

void add(Vcpu& vcpu);                    // a new vCPU: chooses its CPU, not runnable yet
void remove(Vcpu& vcpu);                 // the vCPU ends; must not run
bool is_runnable(Vcpu const& vcpu);
void set_reason(Vcpu& vcpu, u32 reason);     // PauseReason bits; a running vCPU leaves at its next exit
void clear_reason(Vcpu& vcpu, u32 reason);   // queues the vCPU if nothing else holds it
void wake(Vcpu& vcpu);                   // an event arrived: ends blocking and polling
void reconsider(Vcpu& vcpu);             // pause counts changed
void yield(Vcpu& vcpu);                  // the current vCPU lets others go first

bool need_resched(CpuId cpu);            // set by kicks, the slice timer and the above
Vcpu& pick_next(CpuId cpu);              // the vCPU to run now (perhaps the current one or the idle one); starts its slice
void switched_in(Vcpu& vcpu);            // runstate bookkeeping and the guest's runstate and time areas
void switched_out(Vcpu& vcpu);
Vcpu& idle_vcpu(CpuId cpu);

}  // namespace hv::sched
