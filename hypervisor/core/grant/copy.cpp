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

GrantStatus CopyEnd::open(Domain& caller, Granters& granters, abi::GnttabCopyPtr const& place, bool by_grant) {
    bool const same = place.u.raw == place_.u.raw && place.domid == place_.domid && by_grant == by_grant_;
    if (bytes_ && same) return GrantStatus::okay;
    close();
    Domain* owner = &caller;
    if (by_grant) {
        owner = granters.find(place.domid);
        if (!owner) return GrantStatus::bad_domain;
        GrantStatus const status = owner->grants->begin_use(place.u.ref, caller.id, access_, frame_);
        if (status != GrantStatus::okay) return status;
    } else {
        if (place.domid != abi::domid_self && place.domid != caller.id) return GrantStatus::permission_denied;
        frame_ = Mfn{place.u.gmfn.value};
    }
    GrantStatus const status = hold_frame(*owner, frame_, access_);
    if (status != GrantStatus::okay) {
        if (by_grant) owner->grants->end_use(place.u.ref, access_);
        return status;
    }
    bytes_ = hal::map(frame_);
    granter_ = owner;
    place_ = place;
    by_grant_ = by_grant;
    return GrantStatus::okay;
}

void CopyEnd::close() {
    if (!std::exchange(bytes_, nullptr)) return;
    if (by_grant_) granter_->grants->end_use(place_.u.ref, access_);
    release_frame(frame_, access_);
}

GrantStatus copy_grant(Domain& caller, Granters& granters, CopyEnd& source, CopyEnd& dest, abi::GnttabCopy const& op) {
    if (u32{op.source.offset} + op.len > page_size || u32{op.dest.offset} + op.len > page_size)
        return GrantStatus::bad_copy_arg;
    GrantStatus status = source.open(caller, granters, op.source, op.flags & abi::gntcopy::source_gref);
    if (status == GrantStatus::okay) status = dest.open(caller, granters, op.dest, op.flags & abi::gntcopy::dest_gref);
    if (status == GrantStatus::okay)
        copy_bytes(dest.bytes() + op.dest.offset, source.bytes() + op.source.offset, op.len);
    return status;
}
}  // namespace hv
