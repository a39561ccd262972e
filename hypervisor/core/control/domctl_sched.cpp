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
    return control::find_vcpu(domain, op.vcpu);
}

// The tool sees what took effect.
Result<> report_affinity(Vcpu const& vcpu, abi::DomctlVcpuaffinity const& op) {
    if (op.flags & abi::vcpuaffinity::hard) TRY(write_bitmap(op.cpumap_hard, online_part(vcpu.hard_affinity)));
    if (op.flags & abi::vcpuaffinity::soft) TRY(write_bitmap(op.cpumap_soft, online_part(vcpu.soft_affinity)));
    return {};
}
}  // namespace

Result<> set_vcpu_affinity(Domain& domain, abi::DomctlVcpuaffinity const& op) {
    Vcpu& vcpu = *TRY(find_vcpu(domain, op));
    if (op.flags & abi::vcpuaffinity::force) (void)sched::unpin(vcpu);
    CpuMask hard = vcpu.hard_affinity;
    CpuMask soft = vcpu.soft_affinity;
    if (op.flags & abi::vcpuaffinity::hard) hard = TRY(read_bitmap(op.cpumap_hard));
    if (op.flags & abi::vcpuaffinity::soft) soft = TRY(read_bitmap(op.cpumap_soft));
    if (online_part(hard).empty()) return Errno::inval;
    TRY(sched::set_affinity(vcpu, hard, soft));
    return report_affinity(vcpu, op);
}

Result<> get_vcpu_affinity(Domain& domain, abi::DomctlVcpuaffinity const& op) {
    return report_affinity(*TRY(find_vcpu(domain, op)), op);
}

// All memory is one node.
Result<> set_node_affinity(abi::DomctlNodeaffinity const& op) {
    return require(TRY(read_bitmap(op.nodemap)).test(0), Errno::inval);
}

Result<> get_node_affinity(abi::DomctlNodeaffinity const& op) {
    CpuMask nodes;
    nodes.set(0);
    return write_bitmap(op.nodemap, nodes);
}

// Shares are shown and set as credit2's, whose meaning of weight and cap is ours too. Without a weight only the cap is
// set.
Result<> scheduler_op(Domain& domain, abi::DomctlSchedulerOp& op) {
    if (op.sched_id != abi::scheduler::credit2 || op.cmd > abi::scheduler::getinfo) return Errno::inval;
    abi::DomctlSchedCredit& share = op.u.credit2;
    if (op.cmd == abi::scheduler::getinfo) {
        share = {static_cast<u16>(domain.scheduler_weight), static_cast<u16>(domain.scheduler_cap)};
    } else {
        if (share.weight != 0) domain.scheduler_weight = share.weight;
        domain.scheduler_cap = share.cap;
    }
    return {};
}

// The counter is never emulated.
Result<> set_tsc_info(abi::DomctlTscInfo const& op) {
    constexpr u32 by_default = 0, never_emulate = 2;
    return require(op.tsc_mode == by_default || op.tsc_mode == never_emulate, Errno::opnotsupp);
}

Result<> get_tsc_info(abi::DomctlTscInfo& op) {
    op = {};
    op.gtsc_khz = static_cast<u32>(hal::tsc_khz());
    op.elapsed_nsec = hal::now();
    return {};
}
}  // namespace hv::control
