// SPDX-License-Identifier: MIT
// A domain as tools drive it from its creation on, and what they see of it.
#include <algorithm>
#include "core/control/domctl.hpp"
#include "core/grant/table.hpp"
#include "core/guest_access.hpp"
#include "core/hal/memory.hpp"
#include "core/mm/typed_ref.hpp"
#include "core/pv/hypercall_page.hpp"
#include "core/sched/scheduler.hpp"
#include "public/vcpu.hpp"

namespace hv::control {
namespace {
constexpr u32 default_grant_frames = 64, default_maptrack_frames = 1024;

bool is_ours(abi::DomctlCreatedomain const& config) {
    u32 const grant_version = config.grant_opts & abi::grant_version_mask;
    return (config.flags & ~abi::cdf::xs_domain) == 0 && config.iommu_opts == 0 && config.arch.emulation_flags == 0 &&
           (config.arch.misc_flags & ~abi::misc_flags_msr_relaxed) == 0 && grant_version == 1 &&
           config.vmtrace_size == 0 && config.cpupool_id == 0 && config.max_vcpus != 0 &&
           config.max_vcpus <= max_vcpus_per_domain && config.max_grant_frames != 0 &&
           config.max_grant_frames <= static_cast<i32>(most_grant_frames) &&
           config.max_maptrack_frames <= static_cast<i32>(most_maptrack_frames);
}

u32 value_or(i32 value, u32 fallback) { return value < 0 ? fallback : static_cast<u32>(value); }
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

Result<> create(abi::Domctl& op) {
    abi::DomctlCreatedomain const& config = op.u.createdomain;
    if (!is_ours(config)) return Errno::inval;
    bool const any_id = op.domain.value == 0 || op.domain.value >= abi::first_reserved_domid;
    if (any_id) op.domain = TRY(next_free_domid());
    DomainConfig request{
        .id = op.domain,
        .max_vcpus = config.max_vcpus,
        .max_event_channels = config.max_evtchn_port,
        .max_grant_frames = value_or(config.max_grant_frames, default_grant_frames),
        .max_maptrack_frames = value_or(config.max_maptrack_frames, default_maptrack_frames),
    };
    std::ranges::copy(config.handle.bytes, request.handle.begin());
    return create_domain(request).error();
}

Result<> pause(Domain& domain) {
    if (!domain.paused_by_controller.exchange(true)) pause_domain(domain);
    return {};
}

Result<> unpause(Domain& domain) {
    if (!domain.paused_by_controller.exchange(false)) return Errno::inval;
    unpause_domain(domain);
    return {};
}

Result<> init_hypercall_page(Domain& domain, Gfn gfn) {
    TypedRef const frame = TRY(get_writable(Mfn{gfn.value}, domain.id));
    pv::fill_hypercall_page(std::span<std::byte, page_size>{hal::map(frame.mfn()), page_size});
    return {};
}

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
    for (u64 i = 0; i < op.num; ++i) {
        u64 const mfn = TRY(copy_in(op.array + i));
        TRY(copy_out(op.array + i, type_of_frame(mfn, domain)));
    }
    return {};
}
}  // namespace hv::control
