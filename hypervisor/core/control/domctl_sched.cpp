// SPDX-License-Identifier: MIT
// Where a domain's vCPUs run, their share, and their time stamp counter.
#include "core/control/domctl.hpp"
#include "core/control/tool_bitmap.hpp"
#include "core/hal/cpu.hpp"
#include "core/hal/time.hpp"
#include "core/sched/scheduler.hpp"

namespace hv::control {
namespace {
CpuMask online_part(CpuMask const& mask, CpuMask const& of) {
    CpuMask part;
    for (CpuId cpu = 0; cpu < hal::online_cpus(); ++cpu)
        if (mask.test(cpu) && of.test(cpu)) part.set(cpu);
    return part;
}
CpuMask online_part(CpuMask const& mask) { return online_part(mask, mask); }

Result<Vcpu*> find_vcpu(Domain& domain, abi::DomctlVcpuaffinity const& op) {
    constexpr u32 known = abi::vcpuaffinity::hard | abi::vcpuaffinity::soft;
    if ((op.flags & ~(known | abi::vcpuaffinity::force)) || !(op.flags & known)) return Errno::inval;
    return control::find_vcpu(domain, op.vcpu);
}

Result<> report_affinity(abi::DomctlVcpuaffinity const& op, CpuMask const& hard, CpuMask const& soft) {
    if (op.flags & abi::vcpuaffinity::hard) TRY(write_bitmap(op.cpumap_hard, hard));
    if (op.flags & abi::vcpuaffinity::soft) TRY(write_bitmap(op.cpumap_soft, soft));
    return {};
}
}  // namespace

Result<> set_vcpu_affinity(Domain& domain, abi::DomctlVcpuaffinity const& op) {
    Vcpu& vcpu = *TRY(find_vcpu(domain, op));
    bool const by_force = op.flags & abi::vcpuaffinity::force;  // against SCHEDOP_pin_override
    CpuMask hard = by_force && vcpu.pinned ? vcpu.unpinned_affinity : vcpu.hard_affinity;
    CpuMask soft = vcpu.soft_affinity;
    if (op.flags & abi::vcpuaffinity::hard) hard = TRY(read_bitmap(op.cpumap_hard));
    if (op.flags & abi::vcpuaffinity::soft) soft = TRY(read_bitmap(op.cpumap_soft));
    if (online_part(hard).empty()) return Errno::inval;
    if (by_force) (void)sched::unpin(vcpu);
    TRY(sched::set_affinity(vcpu, hard, soft));
    // The tool sees what took effect: of the soft ones those that are hard, too.
    return report_affinity(op, online_part(hard), online_part(hard, soft));
}

Result<> get_vcpu_affinity(Domain& domain, abi::DomctlVcpuaffinity const& op) {
    Vcpu const& vcpu = *TRY(find_vcpu(domain, op));
    return report_affinity(op, online_part(vcpu.hard_affinity), online_part(vcpu.soft_affinity));
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
