// SPDX-License-Identifier: MIT
// grant_table_op: batches of operations, each with a status of its own. The call fails only if the batch cannot be read
// or written.
#include "core/grant/copy.hpp"
#include "core/grant/mapping.hpp"
#include "core/hypercall/dispatch.hpp"

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
    for (u32 i = 0; i < op.nr_frames; ++i) {
        Result<Mfn> const frame = table.frame(i);
        if (!frame) return GrantStatus::bad_domain;  // its end has come meanwhile
        if (!copy_out(op.frame_list + i, *frame)) return GrantStatus::bad_virt_addr;
    }
    return GrantStatus::okay;
}

GrantStatus query_size(Vcpu& vcpu, abi::GnttabQuerySize& op) {
    auto domain = resolve_domain(*vcpu.domain, op.dom);
    if (!domain) return resolve_status(domain.error());
    if ((*domain)->is_dying()) return GrantStatus::bad_domain;  // it may never have got as far as a table
    op.nr_frames = (*domain)->grants->frame_count();
    op.max_nr_frames = (*domain)->grants->max_frame_count();
    return GrantStatus::okay;
}

// There are none in version 1.
GrantStatus get_status_frames(Vcpu& vcpu, abi::GnttabGetStatusFrames const& op) {
    auto domain = resolve_domain(*vcpu.domain, op.dom);
    if (!domain) return resolve_status(domain.error());
    return op.nr_frames ? GrantStatus::general_error : GrantStatus::okay;
}

// A command whose argument is one structure.
template <AbiType T, class F>
Outcome single(GrantOps const& ops, F&& one) {
    return ops.count == 1 ? do_op(guest_ptr<T>{ops.first}, one) : Errno::inval;
}

// Whatever the count says.
Outcome set_version(GrantOps const& ops) {
    guest_ptr<abi::GnttabSetVersion> const at{ops.first};
    u32 const wanted = TRY(copy_in(at)).version;
    TRY(copy_out(at, {1}));
    if (wanted == 2) return Errno::nosys;  // as a Xen that is limited to version 1
    return wanted == 1 ? Outcome{} : Outcome{Errno::inval};
}

Result<> get_version(Domain& caller, abi::GnttabGetVersion& op) {
    DomainRef domain = TRY(resolve_domain(caller, op.dom));
    op.version = 1;
    return {};
}

[[gnu::noinline]] Outcome other_command(Vcpu& vcpu, u32 command, GrantOps& ops) {
    switch (command) {
        case abi::gnttabop::unmap_and_replace: return unmap_and_replace_grants(vcpu, ops);
        case abi::gnttabop::setup_table:
            return single<abi::GnttabSetupTable>(ops, [&](auto const& op) { return setup_table(vcpu, op); });
        case abi::gnttabop::query_size: {
            using Op = abi::GnttabQuerySize;
            if (ops.count != 1) return Errno::inval;
            return do_op<Op, 0, sizeof(Op)>(guest_ptr<Op>{ops.first}, [&](Op& op) { return query_size(vcpu, op); });
        }
        case abi::gnttabop::get_status_frames:
            return single<abi::GnttabGetStatusFrames>(ops, [&](auto const& op) { return get_status_frames(vcpu, op); });
        case abi::gnttabop::swap_grant_ref:
            return for_each_op<abi::GnttabSwapGrantRef>(
                ops, [&](auto const& op) { return vcpu.domain->grants->swap(op.ref_a, op.ref_b); });
        case abi::gnttabop::set_version: return set_version(ops);
        case abi::gnttabop::get_version: return with_argument<get_version>(*vcpu.domain, ops.first);
        default: return Errno::nosys;
    }
}

// Of what is never preempted, with no question whether it was.
constexpr Outcome finished(Errno error) { return -static_cast<i64>(error); }

[[gnu::always_inline]] inline Outcome run(Vcpu& vcpu, u32 command, GrantOps& ops) {
    switch (command) {
        case abi::gnttabop::map_grant_ref: return map_grants(vcpu, ops);
        case abi::gnttabop::unmap_grant_ref: return unmap_grants(vcpu, ops);
        case abi::gnttabop::copy: return copy_grants(vcpu, ops);
        default: return other_command(vcpu, command, ops);
    }
}
}  // namespace

// (command, operations*, count)
Outcome do_grant_table_op(Vcpu& vcpu, HypercallArgs& args) {
    u32 const command = static_cast<u32>(args[0]);
    u32 const count = static_cast<u32>(args[2]);
    if (count == 1) {
        if (command == abi::gnttabop::map_grant_ref) return finished(map_grant(vcpu, {args[1]}));
        if (command == abi::gnttabop::unmap_grant_ref) return finished(unmap_grant(vcpu, {args[1]}));
    }
    GrantOps ops{args[1], count};
    Outcome const outcome = run(vcpu, command, ops);
    if (outcome.is_again()) [[unlikely]] {
        args[1] = ops.first;
        args[2] = ops.count;
    }
    return outcome;
}
}  // namespace hv
