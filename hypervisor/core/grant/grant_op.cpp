// SPDX-License-Identifier: MIT
// grant_table_op: batches of operations, each with a status of its own. The call fails only if the batch cannot be read
// or written.
#include <algorithm>
#include <array>
#include "core/grant/mapping.hpp"
#include "core/guest_access.hpp"
#include "core/hypercall/dispatch.hpp"

namespace hv {
namespace {
constexpr u64 ops_between_questions = 8;

// Runs `one` on each of `count` structures, which returns its status; `answers` says whether more than that is told.
template <AbiType T, bool answers = false, class F>
Outcome for_each_op(HypercallArgs& args, F&& one) {
    guest_ptr<T> ops{args[1]};
    u64 const count = args[2] & 0xffff'ffff;
    for (u64 left = count; left != 0; --left, ops = ops + 1) {
        if (left % ops_between_questions == 0 && left != count && hal::should_preempt()) {
            args[1] = ops.address;
            args[2] = left;
            return Outcome::again();
        }
        T op;
        TRY(copy_in(op, ops));
        op.status = static_cast<i16>(one(op));
        if constexpr (answers) TRY(copy_out(ops, op));
        else TRY(copy_out(guest_ptr<i16>{ops.address + offsetof(T, status)}, op.status));
    }
    return Outcome{};
}

// Entries first, one flush, then the frames: nobody may reach a frame by a stale translation once it is let go of.
class UnmapBatch {
public:
    explicit UnmapBatch(Vcpu& vcpu) : entries_{vcpu} {}
    UnmapBatch(UnmapBatch const&) = delete;
    ~UnmapBatch() { finish(); }

    GrantStatus add(abi::GnttabUnmapGrantRef const& op) {
        if (count_ == ended_.size()) finish();
        bool ended;
        GrantStatus const status = begin_unmap(entries_, op, ended);
        flush_needed_ |= status == GrantStatus::okay && op.host_addr;
        if (ended) ended_.data()[count_++] = op.handle.value;
        return status;
    }

private:
    void finish() {
        if (std::exchange(flush_needed_, false)) hal::flush_tlb(entries_.domain().dirty_cpus);
        for (u32 i = 0; i < count_; ++i) end_mapping(*entries_.domain().grants, ended_[i]);
        count_ = 0;
    }

    Entries entries_;
    bool flush_needed_ = false;
    u32 count_ = 0;
    std::array<u32, 64> ended_;
};

Outcome map(Vcpu& vcpu, HypercallArgs& args) {
    Entries entries{vcpu};
    Granters granters{*vcpu.domain};
    return for_each_op<abi::GnttabMapGrantRef, true>(
        args, [&](abi::GnttabMapGrantRef& op) { return map_grant(entries, granters, op); });
}

Outcome unmap(Vcpu& vcpu, HypercallArgs& args) {
    UnmapBatch batch{vcpu};
    return for_each_op<abi::GnttabUnmapGrantRef>(args,
                                                 [&](abi::GnttabUnmapGrantRef const& op) { return batch.add(op); });
}

Outcome copy(Vcpu& vcpu, HypercallArgs& args) {
    Granters granters{*vcpu.domain};
    CopyEnd<Access::read> source;
    CopyEnd<Access::write> dest;
    return for_each_op<abi::GnttabCopy>(
        args, [&](abi::GnttabCopy const& op) { return copy_grant(*vcpu.domain, granters, source, dest, op); });
}

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
}  // namespace

// (command, operations*, count)
Outcome do_grant_table_op(Vcpu& vcpu, HypercallArgs& args) {
    switch (static_cast<u32>(args[0])) {
        case abi::gnttabop::map_grant_ref: return map(vcpu, args);
        case abi::gnttabop::unmap_grant_ref: return unmap(vcpu, args);
        case abi::gnttabop::copy: return copy(vcpu, args);
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
}  // namespace hv
