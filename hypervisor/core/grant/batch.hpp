// SPDX-License-Identifier: MIT
// The batches of grant_table_op: operations with a status each.
#pragma once
#include <cstddef>
#include "core/guest_access.hpp"
#include "core/hal/cpu.hpp"

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
    guest_ptr<T> ops{todo.first};
    u64 const count = todo.count;
    if (count >> 31) [[unlikely]]
        return Errno::inval;
    for (u64 left = count; left != 0; --left, ops = ops + 1) {
        if (left % hal::between_questions::grant_operations == 0 && left != count && hal::should_preempt()) {
            todo = {ops.address, left};
            return Errno::again;
        }
        Errno const error = do_op<T, from, size>(ops, one);
        if (error != Errno::ok) [[unlikely]]
            return error;
    }
    return Errno::ok;
}
}  // namespace hv
