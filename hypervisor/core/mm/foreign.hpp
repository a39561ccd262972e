// SPDX-License-Identifier: MIT
// Whose frames a memory-management call is about, besides a domain's (resolve_domain): domid_io, domid_xen.
#pragma once
#include <utility>
#include "core/domain.hpp"
#include "core/mm/leaf.hpp"

namespace hv {
// Keeps the named domain alive while the call works on it. The caller itself needs no reference.
class NamedOwner {
public:
    explicit NamedOwner(PageOwner owner) : owner_{owner} {}
    explicit NamedOwner(DomainRef&& other) : held_{&std::move(other).leak()}, owner_{PageOwner::of(*held_)} {}
    NamedOwner(NamedOwner&& other) noexcept : held_{std::exchange(other.held_, nullptr)}, owner_{other.owner_} {}
    NamedOwner& operator=(NamedOwner&&) = delete;
    ~NamedOwner() {
        if (held_) DomainRef::release(*held_);
    }
    PageOwner owner() const { return owner_; }

private:
    Domain* held_ = nullptr;
    PageOwner owner_;
};

// Errors: perm, srch. domid_xen and other domains are for privileged callers.
inline Result<NamedOwner> resolve_page_owner(Domain& caller, u16 domid) {
    if (Domid{domid} == abi::domid_self || Domid{domid} == caller.id) [[likely]]
        return NamedOwner{PageOwner::of(caller)};
    if (Domid{domid} == abi::domid_io) return NamedOwner{PageOwner{abi::domid_io, caller.may_map_io}};
    if (!caller.privileged) return Errno::perm;
    if (Domid{domid} == abi::domid_xen) return NamedOwner{PageOwner{abi::domid_xen, false}};
    DomainRef other = TRY(find_domain(Domid{domid}));
    return NamedOwner{std::move(other)};
}
}  // namespace hv
