// SPDX-License-Identifier: MIT
// Holding vCPUs by counts. Pausing returns when the vCPU has left its CPU and its state can be read.
#include "core/domain.hpp"
#include "core/hal/cpu.hpp"
#include "core/hal/vcpu.hpp"
#include "core/sched/scheduler.hpp"

namespace hv {
namespace {
template <class F>
void for_each_vcpu(Domain& domain, F&& visit) {
    for (u32 i = 0; i < domain.max_vcpus; ++i)
        if (Vcpu* vcpu = domain.vcpus[i]) visit(*vcpu);
}

// For vCPUs of another domain only: two of one domain that paused each other would wait for each other, and one that
// paused itself for itself.
void wait_until_stopped(Vcpu& vcpu) {
    ASSERT(vcpu.domain != hal::current().domain);
    hal::sync_vcpu(vcpu);
}
}  // namespace

void pause_domain(Domain& domain) {
    domain.pause_count.fetch_add(1, std::memory_order_seq_cst);
    for_each_vcpu(domain, [](Vcpu& vcpu) { sched::reconsider(vcpu); });
    for_each_vcpu(domain, wait_until_stopped);
}

void unpause_domain(Domain& domain) {
    u32 const before = domain.pause_count.fetch_sub(1, std::memory_order_seq_cst);
    ASSERT(before != 0);
    if (before == 1) for_each_vcpu(domain, [](Vcpu& vcpu) { sched::reconsider(vcpu); });
}

void pause_vcpu(Vcpu& vcpu) {
    vcpu.pause_count.fetch_add(1, std::memory_order_seq_cst);
    sched::reconsider(vcpu);
    wait_until_stopped(vcpu);
}

void unpause_vcpu(Vcpu& vcpu) {
    u32 const before = vcpu.pause_count.fetch_sub(1, std::memory_order_seq_cst);
    ASSERT(before != 0);
    if (before == 1) sched::reconsider(vcpu);
}
}  // namespace hv
