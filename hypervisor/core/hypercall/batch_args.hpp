// SPDX-License-Identifier: MIT
// The arguments that mmu_update and mmuext_op share: (requests*, count, done*, domid). *done counts the requests that
// succeeded; a preempted call goes on with fewer requests, a mark in the count, and what it has counted so far in
// *done.
#pragma once
#include "core/guest_access.hpp"
#include "core/hypercall/dispatch.hpp"
#include "public/mmu.hpp"

namespace hv {
template <class T>
struct BatchArgs {
    guest_ptr<T> requests;
    u64 count;
    u64 done = 0;

    static Result<BatchArgs> read(HypercallArgs& args) {
        BatchArgs batch{{args[0]}, args[1] & ~u64{abi::mmu_update_preempted} & 0xffff'ffff};
        if ((args[1] & abi::mmu_update_preempted) && args[2])
            batch.done_before_ = TRY(copy_in(guest_ptr<u32>{args[2]}));
        return batch;
    }
    guest_ptr<T> next() const { return requests + done; }
    u64 left() const { return count - done; }

    Outcome finish(HypercallArgs& args, Errno error) const {
        if (args[2]) {
            Result<> told = copy_out(guest_ptr<u32>{args[2]}, static_cast<u32>(done_before_ + done));
            if (!told) return told;
        }
        if (error != Errno::again) return error;
        args[0] = next().address;
        args[1] = left() | abi::mmu_update_preempted;
        return Outcome::again();
    }

    u64 done_before_ = 0;
};
}  // namespace hv
