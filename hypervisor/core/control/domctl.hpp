// SPDX-License-Identifier: MIT
// The parts of the domctl hypercall, by subject. Each takes a checked domain and returns what the tool gets.
#pragma once
#include "core/domain.hpp"
#include "public/domctl.hpp"

namespace hv::control {
// What a sub-operation answers; `updated`: the structure goes back to the tool.
enum class Reply : u8 { plain, updated };

// --- life (domctl_life.cpp)
Result<Reply> create(abi::Domctl& op);
Result<Reply> destroy(Domain& domain);  // again until done
Result<Reply> pause(Domain& domain);
Result<Reply> unpause(Domain& domain);
Result<Reply> resume(Domain& domain);
Result<Reply> set_max_vcpus(Domain& domain, abi::DomctlMaxVcpus const& op);
Result<Reply> set_max_memory(Domain& domain, abi::DomctlMaxMem const& op);
Result<Reply> init_hypercall_page(Domain& domain, abi::DomctlHypercallInit const& op);
Result<Reply> set_time_offset(Domain& domain, abi::DomctlSettimeoffset const& op);

// --- vCPUs (domctl_vcpu.cpp)
Result<Reply> set_vcpu_context(Domain& domain, abi::DomctlVcpucontext const& op);
Result<Reply> get_vcpu_context(Domain& domain, abi::DomctlVcpucontext const& op);
Result<Reply> set_extended_context(Domain& domain, abi::DomctlExtVcpucontext const& op);
Result<Reply> get_extended_context(Domain& domain, abi::DomctlExtVcpucontext& op);
Result<Reply> get_vcpu_info(Domain& domain, abi::DomctlGetvcpuinfo& op);
Result<Reply> set_vcpu_msrs(Domain& domain, abi::DomctlVcpuMsrs const& op);
Result<Reply> get_vcpu_msrs(Domain& domain, abi::DomctlVcpuMsrs& op);

// --- placement and shares (domctl_sched.cpp)
Result<Reply> set_vcpu_affinity(Domain& domain, abi::DomctlVcpuaffinity& op);
Result<Reply> get_vcpu_affinity(Domain& domain, abi::DomctlVcpuaffinity& op);
Result<Reply> set_node_affinity(abi::DomctlNodeaffinity const& op);
Result<Reply> get_node_affinity(abi::DomctlNodeaffinity const& op);
Result<Reply> scheduler_op(Domain& domain, abi::DomctlSchedulerOp& op);
Result<Reply> set_tsc_info(abi::DomctlTscInfo const& op);
Result<Reply> get_tsc_info(abi::DomctlTscInfo& op);

// --- memory (domctl_memory.cpp)
Result<Reply> get_page_frame_info(Domain& domain, abi::DomctlGetpageframeinfo3 const& op);
}  // namespace hv::control
