// SPDX-License-Identifier: MIT
#include "core/mm/foreign.hpp"

namespace hv {

Result<NamedDomain> resolve_domain_for(Vcpu& vcpu, u16 domid) {
    Domain& caller = *vcpu.domain;
    if (Domid{domid} == abi::domid_self || Domid{domid} == caller.id) return NamedDomain{caller};
    if (!caller.privileged) return Errno::perm;
    DomainRef other = TRY(find_domain(Domid{domid}));
    return NamedDomain{std::move(other)};
}

Result<NamedOwner> resolve_page_owner(Vcpu& vcpu, u16 domid) {
    Domain& caller = *vcpu.domain;
    if (Domid{domid} == abi::domid_self || Domid{domid} == caller.id) [[likely]]
        return NamedOwner{PageOwner::of(caller)};
    if (Domid{domid} == abi::domid_io) return NamedOwner{PageOwner{abi::domid_io, caller.may_map_io}};
    if (!caller.privileged) return Errno::perm;
    if (Domid{domid} == abi::domid_xen) return NamedOwner{PageOwner{abi::domid_xen, false}};
    DomainRef other = TRY(find_domain(Domid{domid}));
    return NamedOwner{std::move(other)};
}

Result<NamedDomain> resolve_table_owner(Vcpu& vcpu, u16 domid_plus_one) {
    if (domid_plus_one == 0) [[likely]]
        return NamedDomain{*vcpu.domain};
    return resolve_domain_for(vcpu, static_cast<u16>(domid_plus_one - 1));
}

}  // namespace hv
