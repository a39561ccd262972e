// SPDX-License-Identifier: MIT
#include "core/control/domain_info.hpp"
#include <algorithm>
#include "core/hal.hpp"
#include "core/sched/scheduler.hpp"
#include "public/vcpu.hpp"

namespace hv::control {
namespace {
// A domain is shown as blocked if all its vCPUs are, as running if one is.
void describe_vcpus(Domain& domain, abi::DomctlGetdomaininfo& info) {
    bool all_blocked = true;
    for (u32 i = 0; i < domain.max_vcpus; ++i) {
        Vcpu* const vcpu = domain.vcpus[i];
        if (!vcpu) continue;
        info.cpu_time += sched::runstate_of(*vcpu).time[abi::runstate::running];
        u32 const reasons = vcpu->pause_reasons.load(std::memory_order_relaxed);
        if (reasons & PauseReason::down) continue;
        ++info.nr_online_vcpus;
        if (!(reasons & (PauseReason::blocked | PauseReason::polling))) all_blocked = false;
        if (vcpu->running.load(std::memory_order_relaxed)) info.flags |= abi::dominf::running;
    }
    if (all_blocked) info.flags |= abi::dominf::blocked;
}
}  // namespace

abi::DomctlGetdomaininfo describe_domain(Domain& domain) {
    abi::DomctlGetdomaininfo info{};
    info.domain = domain.id;
    describe_vcpus(domain, info);
    if (domain.is_dying()) info.flags |= abi::dominf::dying;
    if (domain.paused_by_controller) info.flags |= abi::dominf::paused;
    if (domain.shut_down)
        info.flags |= abi::dominf::shutdown | (domain.shutdown_code & abi::dominf::shutdown_mask)
                                                  << abi::dominf::shutdown_shift;
    info.tot_pages = domain.pages;
    info.max_pages = domain.max_pages;
    info.shared_info_frame = Gfn{domain.shared_info ? domain.shared_info_mfn.value : ~u64{0}};
    info.max_vcpu_id = domain.max_vcpus - 1;
    std::ranges::copy(domain.handle, info.handle.bytes);
    info.gpaddr_bits = static_cast<u8>(hal::max_address_bits());
    return info;
}
}  // namespace hv::control
