// SPDX-License-Identifier: MIT
// What the batches of grant_table_op share. All of it is in line in the loop over a batch, which is where the time
// goes.
#pragma once
#include "core/grant/table.hpp"
#include "core/guest_access.hpp"
#include "core/hal/cpu.hpp"
#include "core/mm/typed_ref.hpp"

namespace hv {
// Runs `one` on a structure of the guest's, which returns its status. The guest is told that, or what lies from `from`
// on. What lies behind an address that was checked needs no check (core/guest_words.hpp).
template <AbiType T, usize from = offsetof(T, status), usize size = sizeof(T::status), class F>
[[gnu::always_inline]] inline Errno do_op(guest_ptr<T> at, F&& one) {
    T op;
    TRY(copy_in(op, at));
    op.status = static_cast<i16>(one(op));
    auto const& told = reinterpret_cast<std::byte const(&)[size]>(reinterpret_cast<std::byte*>(&op)[from]);
    return store_guest(at.address + from, told) ? Errno::ok : Errno::fault;
}

// The operations of a call that are still to be done. One that was preempted goes on with these.
struct GrantOps {
    u64 first;
    u64 count;
};

// On each of them. again, fault, or inval: there are too many.
template <AbiType T, usize from = offsetof(T, status), usize size = sizeof(T::status), class F>
[[gnu::always_inline]] inline Errno for_each_op(GrantOps& todo, F&& one) {
    constexpr u64 ops_between_questions = 8;
    guest_ptr<T> ops{todo.first};
    u64 const count = todo.count;
    if (count >> 31) [[unlikely]]
        return Errno::inval;
    for (u64 left = count; left != 0; --left, ops = ops + 1) {
        if (left % ops_between_questions == 0 && left != count && hal::should_preempt()) {
            todo = {ops.address, left};
            return Errno::again;
        }
        Errno const error = do_op<T, from, size>(ops, one);
        if (error != Errno::ok) [[unlikely]]
            return error;
    }
    return Errno::ok;
}

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
GrantStatus hold_other_frame(Domain& granter, Mfn frame, Access access);  // for what the usual case leaves
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

// --- an operation that comes alone, as Linux's mostly do: fault
Errno map_grant(Vcpu& vcpu, guest_ptr<abi::GnttabMapGrantRef> at);
Errno unmap_grant(Vcpu& vcpu, guest_ptr<abi::GnttabUnmapGrantRef> at);

// --- the operations that come in batches: errors as for_each_op
Errno map_grants(Vcpu& vcpu, GrantOps& ops);
Errno unmap_grants(Vcpu& vcpu, GrantOps& ops);
Errno unmap_and_replace_grants(Vcpu& vcpu, GrantOps& ops);
Errno copy_grants(Vcpu& vcpu, GrantOps& ops);
}  // namespace hv
