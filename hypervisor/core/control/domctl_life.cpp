// SPDX-License-Identifier: MIT
// From creation to the end of a domain, as tools drive it.
#include <algorithm>
#include "core/control/domctl.hpp"
#include "core/grant/table.hpp"
#include "core/hal/memory.hpp"
#include "core/mm/typed_ref.hpp"
#include "core/pv/hypercall_page.hpp"

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
}  // namespace hv::control
