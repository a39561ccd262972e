// SPDX-License-Identifier: MIT
// What makes a vCPU look for events, and virtual interrupts: what the hypervisor itself has to tell a domain, on the
// port that it has bound to it.
#pragma once
#include "core/domain.hpp"
#include "core/sched/scheduler.hpp"

namespace hv {
// Something is pending for the vCPU: sets upcall_pending and wakes or kicks it.
inline void notify_vcpu(Vcpu& vcpu) {
    abi::VcpuInfo* const info = __atomic_load_n(&vcpu.info, __ATOMIC_ACQUIRE);
    if (!info || __atomic_exchange_n(&info->evtchn_upcall_pending, u8{1}, __ATOMIC_SEQ_CST)) return;
    sched::wake(vcpu);
}

void send_virq(Vcpu& vcpu, u32 virq);  // per-vCPU virq (timer, debug)
void send_global_virq(u32 virq);       // to its handler, dom0 by default; dropped while unbound
Result<> set_virq_handler(Domain& domain, u32 virq);
void leave_virqs_to_dom0(Domain const& domain);  // of a dying one: its number may be another's soon
}  // namespace hv
