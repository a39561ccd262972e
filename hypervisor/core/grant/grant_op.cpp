// SPDX-License-Identifier: MIT
// grant_table_op: batches of operations, each with a status of its own. The call fails only if the batch cannot be read
// or written.
#include "core/grant/batch.hpp"

namespace hv {
namespace {
GrantStatus resolve_status(Errno error) {
    return error == Errno::perm ? GrantStatus::permission_denied : GrantStatus::bad_domain;
}

GrantStatus setup_table(Vcpu& vcpu, abi::GnttabSetupTable const& op) {
    auto domain = resolve_domain(*vcpu.domain, op.dom);
    if (!domain) return resolve_status(domain.error());
    if ((*domain)->is_dying()) return GrantStatus::bad_domain;
    GrantTable& table = *(*domain)->grants;
    if (!table.grow_to(op.nr_frames)) return GrantStatus::general_error;
    for (u32 i = 0; i < op.nr_frames; ++i)
        if (!copy_out(op.frame_list + i, table.frame(i))) return GrantStatus::bad_virt_addr;
    return GrantStatus::okay;
}

GrantStatus query_size(Vcpu& vcpu, abi::GnttabQuerySize& op) {
    auto domain = resolve_domain(*vcpu.domain, op.dom);
    if (!domain) return resolve_status(domain.error());
    op.nr_frames = (*domain)->grants->frame_count();
    op.max_nr_frames = (*domain)->grants->max_frame_count();
    return GrantStatus::okay;
}

// Commands whose argument is one structure, whatever the count says beyond one.
template <AbiType T, class F>
Outcome single(HypercallArgs& args, F&& one) {
    if ((args[2] & 0xffff'ffff) != 1) return Errno::inval;
    return with_argument<T>(guest_ptr<void>{args[1]}, one);
}

Outcome set_version(HypercallArgs& args) {
    return single<abi::GnttabSetVersion>(args, [](abi::GnttabSetVersion& op) -> Result<u64> {
        if (op.version == 2) return Errno::nosys;  // as a Xen that is limited to version 1
        if (op.version != 1) return Errno::inval;
        return u64{0};
    });
}

Outcome get_version(Vcpu& vcpu, HypercallArgs& args) {
    return single<abi::GnttabGetVersion>(args, [&](abi::GnttabGetVersion& op) -> Result<u64> {
        DomainRef domain = TRY(resolve_domain(*vcpu.domain, op.dom));
        op.version = 1;
        return u64{0};
    });
}

[[gnu::noinline]] Outcome other_than_batch(Vcpu& vcpu, HypercallArgs& args) {
    switch (static_cast<u32>(args[0])) {
        case abi::gnttabop::unmap_and_replace: return unmap_and_replace_grants(vcpu, args);
        case abi::gnttabop::setup_table:
            return single<abi::GnttabSetupTable>(args, [&](abi::GnttabSetupTable& op) -> Result<u64> {
                op.status = static_cast<i16>(setup_table(vcpu, op));
                return u64{0};
            });
        case abi::gnttabop::query_size:
            return single<abi::GnttabQuerySize>(args, [&](abi::GnttabQuerySize& op) -> Result<u64> {
                op.status = static_cast<i16>(query_size(vcpu, op));
                return u64{0};
            });
        case abi::gnttabop::set_version: return set_version(args);
        case abi::gnttabop::get_version: return get_version(vcpu, args);
        default: return Errno::nosys;
    }
}
}  // namespace

// (command, operations*, count)
Outcome do_grant_table_op(Vcpu& vcpu, HypercallArgs& args) {
    switch (static_cast<u32>(args[0])) {
        case abi::gnttabop::map_grant_ref: return map_grants(vcpu, args);
        case abi::gnttabop::unmap_grant_ref: return unmap_grants(vcpu, args);
        case abi::gnttabop::copy: return copy_grants(vcpu, args);
        default: return other_than_batch(vcpu, args);
    }
}
}  // namespace hv
