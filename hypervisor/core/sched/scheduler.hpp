// SPDX-License-Identifier: MIT
// Which vCPU runs on which CPU. Policy here, the switch itself is x86's: when need_resched says so, or when the current
// vCPU cannot go on, it calls pick_next. If that returns another vCPU, it saves the current one, calls switched_out for
// it, loads the other one and calls switched_in.
#pragma once
#include "core/vcpu.hpp"

namespace hv::sched {
// How long a vCPU runs at least, unless it blocks or yields; tools may set it.
inline constinit std::atomic<Time> shortest_run{500'000};

void start_cpu(CpuId cpu);  // before its first use: nothing queued, no timers, no readings of its clock
void add(Vcpu& vcpu);       // a new vCPU: chooses its CPU, not runnable yet
void remove(Vcpu& vcpu);    // the vCPU ends; must not run
bool is_runnable(Vcpu const& vcpu);
void set_reason(Vcpu& vcpu, u32 reason);    // PauseReason bits; a running vCPU leaves at its next exit
void clear_reason(Vcpu& vcpu, u32 reason);  // queues the vCPU if nothing else holds it
void wake(Vcpu& vcpu);                      // an event arrived: ends blocking and polling, or makes a running vCPU look
void reconsider(Vcpu& vcpu);                // pause counts changed
void yield(Vcpu& vcpu);                     // the current vCPU lets others go first
// `hard` names a CPU that is online. busy: the vCPU has pinned itself.
Result<> set_affinity(Vcpu& vcpu, CpuMask const& hard, CpuMask const& soft);
// SCHEDOP_pin_override: nothing but this CPU, which is online, until the end. busy: it is pinned to another one.
Result<> pin(Vcpu& vcpu, CpuId cpu);
Result<> unpin(Vcpu& vcpu);  // inval: it was not pinned
void send_nmi(Vcpu& vcpu);   // delivered when it next goes back to its guest; lost if it has no handler then

bool need_resched(CpuId cpu);     // set by kicks, the slice timer and the above
void request_resched(CpuId cpu);  // sets it; another CPU is kicked
Vcpu& pick_next(CpuId cpu);       // the vCPU to run now (perhaps the current one or the idle one); starts its slice
void switched_in(Vcpu& vcpu);     // runstate bookkeeping and the guest's runstate and time areas
void switched_out(Vcpu& vcpu);    // its state is in its Vcpu: from here on another CPU may take it
Vcpu& idle_vcpu(CpuId cpu);       // made at its first use, by its CPU

void charge(Vcpu& vcpu);  // what it has run up to now, if it runs
// Times spent in each state up to now.
abi::VcpuRunstateInfo runstate_of(Vcpu& vcpu);
}  // namespace hv::sched
