// SPDX-License-Identifier: MIT
#include "core/grant/copy.hpp"
#include "core/hal.hpp"
#include "core/mm/typed_ref.hpp"

namespace hv {
namespace {
// One end of a copy: what is held for it is let go of when it goes.
class End {
public:
    End() = default;
    End(End const&) = delete;
    ~End() {
        if (held_) access_ == Access::write ? TypedRef::release(*held_) : PageRef::release(*held_);
        if (!granter_) return;
        granter_->grants->end_use(ref_, access_);
        DomainRef::release(*granter_);
    }

    GrantStatus open(Vcpu& vcpu, abi::GnttabCopyPtr const& place, bool by_grant, Access access) {
        access_ = access;
        if (!by_grant) {
            bool own = place.domid == abi::domid_self || place.domid == vcpu.domain->id;
            return own ? hold(*vcpu.domain, Mfn{place.u.gmfn.value}) : GrantStatus::permission_denied;
        }
        auto granter =
            place.domid == abi::domid_self ? Result<DomainRef>{DomainRef{*vcpu.domain}} : find_domain(place.domid);
        if (!granter || (*granter)->is_dying()) return GrantStatus::bad_domain;
        auto use = (*granter)->grants->begin_use(place.u.ref, vcpu.domain->id, access);
        if (use.status != GrantStatus::okay) return use.status;
        ref_ = place.u.ref;
        granter_ = &(*std::move(granter)).leak();
        return hold(*granter_, use.frame);
    }

    std::byte* bytes() const { return hal::map(mfn_of(*held_)); }

private:
    GrantStatus hold(Domain& owner, Mfn frame) {
        if (access_ == Access::write) {
            if (auto typed = get_writable(frame, owner.id)) held_ = &(*std::move(typed)).leak();
        } else if (auto page = get_page(frame, owner.id)) {
            held_ = &(*std::move(page)).leak();
        }
        return held_ ? GrantStatus::okay : GrantStatus::bad_page;
    }

    PageInfo* held_ = nullptr;
    Domain* granter_ = nullptr;
    GrantRef ref_{};
    Access access_ = Access::read;
};

// Eight bytes at a time where both ends allow it; the two may be parts of one frame.
void copy_bytes(std::byte* to, std::byte const* from, u64 size) {
    if ((to <= from || to >= from + size)) {
        u64 words = size / 8, rest = size % 8;
        asm volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
        asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(rest) : : "memory");
    } else {
        while (size--) to[size] = from[size];
    }
}
}  // namespace

GrantStatus copy_grant(Vcpu& vcpu, abi::GnttabCopy const& op) {
    if (u32{op.source.offset} + op.len > page_size || u32{op.dest.offset} + op.len > page_size)
        return GrantStatus::bad_copy_arg;
    End source, dest;
    GrantStatus status = source.open(vcpu, op.source, op.flags & abi::gntcopy::source_gref, Access::read);
    if (status != GrantStatus::okay) return status;
    status = dest.open(vcpu, op.dest, op.flags & abi::gntcopy::dest_gref, Access::write);
    if (status != GrantStatus::okay) return status;
    copy_bytes(dest.bytes() + op.dest.offset, source.bytes() + op.source.offset, op.len);
    return GrantStatus::okay;
}
}  // namespace hv
