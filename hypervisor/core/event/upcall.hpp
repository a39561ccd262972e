// SPDX-License-Identifier: MIT
#pragma once
#include "core/sched/scheduler.hpp"

namespace hv {
// Something is pending for the vCPU: sets upcall_pending and wakes or kicks it.
inline void notify_vcpu(Vcpu& vcpu) {
    abi::VcpuInfo* const info = __atomic_load_n(&vcpu.info, __ATOMIC_ACQUIRE);
    if (!info || __atomic_exchange_n(&info->evtchn_upcall_pending, u8{1}, __ATOMIC_SEQ_CST)) return;
    sched::wake(vcpu);
}
}  // namespace hv
