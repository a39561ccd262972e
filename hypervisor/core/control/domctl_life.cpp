// SPDX-License-Identifier: MIT
// From creation to the end of a domain, as tools drive it.
#include <algorithm>
#include "core/control/domctl.hpp"
#include "core/hal.hpp"
#include "core/mm/typed_ref.hpp"
#include "core/pv/hypercall_page.hpp"
#include "core/sched/guest_time.hpp"

namespace hv::control {
namespace {
constexpr u32 default_grant_frames = 64;
constexpr u32 default_maptrack_frames = 1024;
constexpr u32 most_grant_frames = 1024;
constexpr u32 most_maptrack_frames = 8192;

bool is_ours(abi::DomctlCreatedomain const& config) {
    u32 const grant_version = config.grant_opts & abi::grant_version_mask;
    return (config.flags & ~abi::cdf::xs_domain) == 0 && config.iommu_opts == 0 && config.arch.emulation_flags == 0 &&
           (config.arch.misc_flags & ~abi::misc_flags_msr_relaxed) == 0 && grant_version == 1 &&
           config.vmtrace_size == 0 && config.cpupool_id == 0 && config.max_vcpus != 0 &&
           config.max_vcpus <= max_vcpus_per_domain && config.max_grant_frames <= static_cast<i32>(most_grant_frames) &&
           config.max_maptrack_frames <= static_cast<i32>(most_maptrack_frames);
}

u32 value_or(i32 value, u32 fallback) { return value < 0 ? fallback : static_cast<u32>(value); }
}  // namespace

Result<Reply> create(abi::Domctl& op) {
    abi::DomctlCreatedomain const& config = op.u.createdomain;
    if (!is_ours(config)) return Errno::inval;
    bool const any_id = op.domain.value == 0 || op.domain.value >= abi::first_reserved_domid;
    Domid id = op.domain;
    if (any_id) id = TRY(next_free_domid());
    DomainConfig request{
        .id = id,
        .max_vcpus = config.max_vcpus,
        .max_event_channels = config.max_evtchn_port,
        .max_grant_frames = value_or(config.max_grant_frames, default_grant_frames),
        .max_maptrack_frames = value_or(config.max_maptrack_frames, default_maptrack_frames),
    };
    std::ranges::copy(config.handle.bytes, request.handle.begin());
    Result<DomainRef> created = create_domain(request);
    if (!created) return created.error();
    op.domain = id;
    return Reply::updated;
}

Result<Reply> destroy(Domain& domain) {
    if (!destroy_domain(domain)) return Errno::again;
    return Reply::plain;
}

Result<Reply> pause(Domain& domain) {
    if (!domain.paused_by_controller.exchange(true)) pause_domain(domain);
    return Reply::plain;
}

Result<Reply> unpause(Domain& domain) {
    if (!domain.paused_by_controller.exchange(false)) return Errno::inval;
    unpause_domain(domain);
    return Reply::plain;
}

Result<Reply> resume(Domain& domain) {
    resume_domain(domain);
    return Reply::plain;
}

Result<Reply> set_max_vcpus(Domain& domain, abi::DomctlMaxVcpus const& op) {
    if (op.max != domain.max_vcpus) return Errno::inval;
    TRY(create_vcpus(domain, op.max));
    return Reply::plain;
}

// A limit below what the domain has is fine: it gets no more.
Result<Reply> set_max_memory(Domain& domain, abi::DomctlMaxMem const& op) {
    domain.max_pages = op.max_memkb >> (page_shift - 10);
    return Reply::plain;
}

Result<Reply> init_hypercall_page(Domain& domain, abi::DomctlHypercallInit const& op) {
    PageRef page = TRY(get_page(Mfn{op.gmfn.value}, domain.id));
    TypedRef const frame = TRY(promote_writable(std::move(page), domain));
    pv::fill_hypercall_page(std::span<std::byte, page_size>{hal::map(frame.mfn()), page_size});
    return Reply::plain;
}

Result<Reply> set_time_offset(Domain& domain, abi::DomctlSettimeoffset const& op) {
    domain.wall_clock_offset = op.time_offset_seconds;
    sched::write_wall_clock(domain);
    return Reply::plain;
}
}  // namespace hv::control
