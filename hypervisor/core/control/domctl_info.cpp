// SPDX-License-Identifier: MIT
// What tools see of a domain: its state, and what its frames are.
#include <algorithm>
#include "core/control/domctl.hpp"
#include "core/guest_access.hpp"
#include "core/hal/memory.hpp"
#include "core/sched/scheduler.hpp"
#include "public/vcpu.hpp"

namespace hv::control {
namespace {
// A domain is shown as blocked if all its vCPUs that are up are, as running if one is.
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
    if (all_blocked && info.nr_online_vcpus) info.flags |= abi::dominf::blocked;
}

u64 type_of_frame(u64 mfn, Domain& domain) {
    Result<PageRef> page = get_page(Mfn{mfn}, domain.id);
    if (!page || (*page)->count.load(std::memory_order_relaxed) & PageInfo::shared) return abi::pfinfo::xtab;
    u64 const word = (*page)->type.load(std::memory_order_acquire);
    u64 const pinned = word & PageInfo::pinned ? abi::pfinfo::lpintab : 0;
    if (!(word & PageInfo::use_mask)) return abi::pfinfo::notab;
    switch (PageInfo::kind_of(word)) {
        case PageType::l1: return abi::pfinfo::l1tab | pinned;
        case PageType::l2: return abi::pfinfo::l2tab | pinned;
        case PageType::l3: return abi::pfinfo::l3tab | pinned;
        case PageType::l4: return abi::pfinfo::l4tab | pinned;
        default: return abi::pfinfo::notab;
    }
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
    info.outstanding_pages = domain.claimed_pages;
    info.max_pages = domain.max_pages;
    info.shared_info_frame = Gfn{domain.shared_info ? domain.shared_info_mfn.value : ~u64{0}};
    info.max_vcpu_id = domain.max_vcpus - 1;
    std::ranges::copy(domain.handle, info.handle.bytes);
    info.gpaddr_bits = static_cast<u8>(hal::max_address_bits());
    return info;
}

// The array holds frame numbers and gets their types in place.
Result<> get_page_frame_info(Domain& domain, abi::DomctlGetpageframeinfo3 const& op) {
    constexpr u64 most_frames = 1024;  // a call; so it needs no continuation
    if (op.num > most_frames) return Errno::toobig;
    GuestArray<u64> const array = TRY(GuestArray<u64>::make(op.array, op.num));
    for (u64 i = 0; i < op.num; ++i) {
        u64 const mfn = TRY(array.read(i));
        TRY(array.write(i, type_of_frame(mfn, domain)));
    }
    return {};
}
}  // namespace hv::control
