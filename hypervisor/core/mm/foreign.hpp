// SPDX-License-Identifier: MIT
// Whose memory a memory-management call is about: the caller's, or, for a privileged caller, another domain's.
#pragma once

#include <utility>

#include "core/domain.hpp"
#include "core/mm/leaf.hpp"

namespace hv {

// A domain named in a call, kept alive while the call works on it. The caller itself needs no reference.
class NamedDomain {
public:
    explicit NamedDomain(Domain& caller) : domain_{&caller} {}
    explicit NamedDomain(DomainRef&& other) : held_{&std::move(other).leak()}, domain_{held_} {}
    NamedDomain(NamedDomain&& other) noexcept : held_{std::exchange(other.held_, nullptr)}, domain_{other.domain_} {}
    NamedDomain& operator=(NamedDomain&&) = delete;
    ~NamedDomain() {
        if (held_) DomainRef::release(*held_);
    }
    Domain& domain() const { return *domain_; }

private:
    Domain* held_ = nullptr;
    Domain* domain_;
};

// The same for the owner of frames, which may also be domid_io or domid_xen.
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

// domid_self, domid_io, domid_xen (the last two: privileged only), or a domain the caller has rights over.
// Errors: perm, srch.
Result<NamedOwner> resolve_page_owner(Vcpu& vcpu, u16 domid);
Result<NamedDomain> resolve_domain_for(Vcpu& vcpu, u16 domid);
// The encoding of mmu_update: 0 for the caller, else a domid plus one.
Result<NamedDomain> resolve_table_owner(Vcpu& vcpu, u16 domid_plus_one);

}  // namespace hv
