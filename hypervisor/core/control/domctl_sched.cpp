// SPDX-License-Identifier: MIT
// Where a domain's vCPUs run, their share, and their time stamp counter.
#include "core/control/domctl.hpp"
#include "core/control/tool_bitmap.hpp"
#include "core/hal.hpp"
#include "core/sched/scheduler.hpp"

namespace hv::control {
namespace {
CpuMask online_part(CpuMask const& mask) {
    CpuMask part;
    for (CpuId cpu = 0; cpu < hal::online_cpus(); ++cpu)
        if (mask.test(cpu)) part.set(cpu);
    return part;
}

Result<Vcpu*> find_vcpu(Domain& domain, abi::DomctlVcpuaffinity const& op) {
    constexpr u32 known = abi::vcpuaffinity::hard | abi::vcpuaffinity::soft;
    if ((op.flags & ~(known | abi::vcpuaffinity::force)) || !(op.flags & known)) return Errno::inval;
    if (op.vcpu.value >= domain.max_vcpus) return Errno::inval;
    Vcpu* const vcpu = domain.vcpu(op.vcpu);
    if (!vcpu) return Errno::srch;
    return vcpu;
}

// The tool sees what took effect.
Result<> report_affinity(Vcpu const& vcpu, abi::DomctlVcpuaffinity const& op) {
    if (op.flags & abi::vcpuaffinity::hard) TRY(write_bitmap(op.cpumap_hard, online_part(vcpu.hard_affinity)));
    if (op.flags & abi::vcpuaffinity::soft) TRY(write_bitmap(op.cpumap_soft, online_part(vcpu.soft_affinity)));
    return {};
}
}  // namespace

Result<Reply> set_vcpu_affinity(Domain& domain, abi::DomctlVcpuaffinity& op) {
    Vcpu& vcpu = *TRY(find_vcpu(domain, op));
    CpuMask hard = vcpu.hard_affinity;
    CpuMask soft = vcpu.soft_affinity;
    if (op.flags & abi::vcpuaffinity::hard) hard = TRY(read_bitmap(op.cpumap_hard));
    if (op.flags & abi::vcpuaffinity::soft) soft = TRY(read_bitmap(op.cpumap_soft));
    if (online_part(hard).empty()) return Errno::inval;
    sched::set_affinity(vcpu, hard, soft);
    TRY(report_affinity(vcpu, op));
    return Reply::updated;
}

Result<Reply> get_vcpu_affinity(Domain& domain, abi::DomctlVcpuaffinity& op) {
    Vcpu const& vcpu = *TRY(find_vcpu(domain, op));
    TRY(report_affinity(vcpu, op));
    return Reply::updated;
}

// All memory is one node.
Result<Reply> set_node_affinity(abi::DomctlNodeaffinity const& op) {
    CpuMask const nodes = TRY(read_bitmap(op.nodemap));
    if (!nodes.test(0)) return Errno::inval;
    return Reply::plain;
}

Result<Reply> get_node_affinity(abi::DomctlNodeaffinity const& op) {
    CpuMask nodes;
    nodes.set(0);
    TRY(write_bitmap(op.nodemap, nodes));
    return Reply::updated;
}

// Shares are shown and set as credit2's, whose meaning of weight is ours too.
Result<Reply> scheduler_op(Domain& domain, abi::DomctlSchedulerOp& op) {
    if (op.sched_id != abi::scheduler::credit2) return Errno::inval;
    abi::DomctlSchedCredit& share = op.u.credit2;
    switch (op.cmd) {
        case abi::scheduler::getinfo:
            share.weight = static_cast<u16>(domain.scheduler_weight);
            share.cap = static_cast<u16>(domain.scheduler_cap);
            return Reply::updated;
        case abi::scheduler::putinfo:
            if (share.cap != 0) return Errno::opnotsupp;  // nothing would enforce it
            if (share.weight == 0) return Errno::inval;
            domain.scheduler_weight = share.weight;
            return Reply::plain;
        default: return Errno::inval;
    }
}

// The counter is never emulated.
Result<Reply> set_tsc_info(abi::DomctlTscInfo const& op) {
    constexpr u32 by_default = 0, never_emulate = 2;
    if (op.tsc_mode != by_default && op.tsc_mode != never_emulate) return Errno::opnotsupp;
    return Reply::plain;
}

Result<Reply> get_tsc_info(abi::DomctlTscInfo& op) {
    op = {};
    op.gtsc_khz = static_cast<u32>(hal::tsc_khz());
    op.elapsed_nsec = hal::now();
    return Reply::updated;
}
}  // namespace hv::control
