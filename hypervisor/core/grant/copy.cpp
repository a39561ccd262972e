// SPDX-License-Identifier: MIT
#include "core/grant/mapping.hpp"
#include "core/hal.hpp"

namespace hv {
namespace {
// Eight bytes at a time where both ends allow it; the two may be parts of one frame.
void copy_bytes(std::byte* to, std::byte const* from, u64 size) {
    if (to <= from || to >= from + size) {
        u64 words = size / 8, rest = size % 8;
        asm volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
        asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(rest) : : "memory");
    } else {
        while (size--) to[size] = from[size];
    }
}
}  // namespace

template <Access access>
[[gnu::always_inline]] inline GrantStatus CopyEnd<access>::open_other(Domain& caller, Granters& granters,
                                                                      abi::GnttabCopyPtr const& place, u32 who) {
    close();
    Domain* owner = &caller;
    granter_ = nullptr;
    if (who >> 16) {
        owner = granters.find(place.domid);
        if (!owner) return GrantStatus::bad_domain;
        GrantStatus const status = owner->grants->begin_use(place.u.ref, caller.id, access, frame_);
        if (status != GrantStatus::okay) return status;
        granter_ = owner->grants;
    } else {
        if (place.domid != abi::domid_self && place.domid != caller.id) return GrantStatus::permission_denied;
        frame_ = Mfn{place.u.raw};
    }
    GrantStatus const status = hold_frame(*owner, frame_, access);
    if (status != GrantStatus::okay) [[unlikely]] {
        if (granter_) granter_->end_use(place.u.ref, access);
        return status;
    }
    bytes_ = hal::map(frame_);
    raw_ = place.u.raw;
    who_ = who;
    return GrantStatus::okay;
}

GrantStatus copy_grant(Domain& caller, Granters& granters, CopyEnd<Access::read>& source, CopyEnd<Access::write>& dest,
                       abi::GnttabCopy const& op) {
    if (u32{op.source.offset} + op.len > page_size || u32{op.dest.offset} + op.len > page_size)
        return GrantStatus::bad_copy_arg;
    GrantStatus status = source.open(caller, granters, op.source, op.flags & abi::gntcopy::source_gref);
    if (status == GrantStatus::okay) status = dest.open(caller, granters, op.dest, op.flags & abi::gntcopy::dest_gref);
    if (status == GrantStatus::okay)
        copy_bytes(dest.bytes() + op.dest.offset, source.bytes() + op.source.offset, op.len);
    return status;
}
}  // namespace hv
