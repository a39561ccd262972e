// SPDX-License-Identifier: MIT
// What an operation on grants holds: the domain that it names, and a frame of that one's. In line in the loop over a
// batch, which is where the time goes.
#pragma once
#include "core/grant/table.hpp"
#include "core/mm/typed_ref.hpp"

namespace hv {
// The domain that an operation names, kept for the next one, which mostly names the same.
class Granters {
public:
    explicit Granters(Domain& caller) : caller_{caller} {}
    Granters(Granters const&) = delete;
    ~Granters() { let_go(); }

    Domain& caller() const { return caller_; }
    Domain* find(Domid id) {  // null: none, or dying
        if (id == caller_.id) return &caller_;
        if ((!held_ || id != held_->id) && !look_up(id)) return nullptr;
        return held_->is_dying() ? nullptr : held_;
    }

private:
    bool look_up(Domid id) {
        let_go();
        held_ = hold_domain(id);
        return held_;
    }
    void let_go() {
        if (held_) DomainRef::release(*held_);
    }

    Domain& caller_;  // needs no reference
    Domain* held_ = nullptr;
};

// A frame of the granter's, held for a mapping or a copy.
// For what the usual case leaves.
[[gnu::noinline, gnu::cold]] inline GrantStatus hold_other_frame(Domain& granter, Mfn frame, Access access) {
    if (access == Access::read) return GrantStatus::bad_page;
    auto typed = get_writable(frame, granter.id);
    if (!typed && typed.error() == Errno::again) return GrantStatus::eagain;  // a former table, not given up yet
    if (!typed) return typed.error() == Errno::inval ? GrantStatus::bad_page : GrantStatus::general_error;
    (void)(*std::move(typed)).leak();
    return GrantStatus::okay;
}
template <Access access>
[[gnu::always_inline]] inline GrantStatus hold_frame(Domain& granter, Mfn frame) {
    if constexpr (access == Access::write) {
        if (join_uses(frame, granter.id, PageType::writable)) [[likely]]
            return GrantStatus::okay;
    } else if (auto page = get_page(frame, granter.id)) [[likely]] {
        (void)(*std::move(page)).leak();
        return GrantStatus::okay;
    }
    return hold_other_frame(granter, frame, access);
}
template <Access access>
[[gnu::always_inline]] inline void release_frame(Mfn frame) {
    if constexpr (access == Access::write) TypedRef::release(page_of(frame));
    else PageRef::release(page_of(frame));
}
}  // namespace hv
