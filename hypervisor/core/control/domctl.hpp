// SPDX-License-Identifier: MIT
// The parts of the domctl hypercall, by subject. Each takes a checked domain. When one succeeds, the tool gets the
// structure back with what the operation wrote there.
#pragma once
#include "core/domain.hpp"
#include "public/domctl.hpp"

namespace hv::control {
constexpr Result<> require(bool condition, Errno otherwise) { return condition ? Result<>{} : Result<>{otherwise}; }
Result<Vcpu*> find_vcpu(Domain& domain, VcpuId id);

// --- its life, and what tools see of it (domctl_domain.cpp)
Result<> create(abi::Domctl& op);
Result<> pause(Domain& domain);
Result<> unpause(Domain& domain);
Result<> init_hypercall_page(Domain& domain, Gfn gfn);
abi::DomctlGetdomaininfo describe_domain(Domain& domain);
Result<> get_page_frame_info(Domain& domain, abi::DomctlGetpageframeinfo3 const& op);

// --- vCPUs (domctl_vcpu.cpp)
Result<> set_vcpu_context(Domain& domain, abi::DomctlVcpucontext const& op);
Result<> get_vcpu_context(Domain& domain, abi::DomctlVcpucontext const& op);
Result<> set_extended_context(Domain& domain, abi::DomctlExtVcpucontext const& op);
Result<> get_extended_context(Domain& domain, abi::DomctlExtVcpucontext& op);
Result<> get_vcpu_info(Domain& domain, abi::DomctlGetvcpuinfo& op);
Result<> send_trigger(Domain& domain, abi::DomctlSendtrigger const& op);
Result<> set_vcpu_msrs(Domain& domain, abi::DomctlVcpuMsrs const& op);
Result<> get_vcpu_msrs(Domain& domain, abi::DomctlVcpuMsrs& op);

// --- placement and shares (domctl_sched.cpp)
Result<> set_vcpu_affinity(Domain& domain, abi::DomctlVcpuaffinity const& op);
Result<> get_vcpu_affinity(Domain& domain, abi::DomctlVcpuaffinity const& op);
Result<> set_node_affinity(abi::DomctlNodeaffinity const& op);
Result<> get_node_affinity(abi::DomctlNodeaffinity const& op);
Result<> scheduler_op(Domain& domain, abi::DomctlSchedulerOp& op);
Result<> set_tsc_info(abi::DomctlTscInfo const& op);
Result<> get_tsc_info(abi::DomctlTscInfo& op);
}  // namespace hv::control
