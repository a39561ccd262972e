// SPDX-License-Identifier: MIT
// A batch of hypercalls. Each entry behaves like a hypercall of its own; only event delivery waits for the end.
#include "public/multicall.hpp"
#include "core/guest_access.hpp"
#include "core/hypercall/dispatch.hpp"
#include "public/hypercall.hpp"

namespace hv {
namespace {
// The batch goes on at `next`, with `left` entries to do, when the guest's instruction is repeated.
Outcome continue_at(HypercallArgs& args, guest_ptr<abi::MulticallEntry> next, u64 left) {
    args[0] = next.address;
    args[1] = left;
    return Outcome::again();
}

// A preempted entry is continued by calling it again with changed arguments: they go into the list.
Result<> rewrite_args(guest_ptr<abi::MulticallEntry> entry, HypercallArgs const& args) {
    return copy_out_bytes(entry.address + offsetof(abi::MulticallEntry, args), args.value.data(), sizeof(args.value));
}
}  // namespace

Outcome do_multicall(Vcpu& vcpu, HypercallArgs& args) {
    guest_ptr<abi::MulticallEntry> entry{args[0]};
    u32 const count = static_cast<u32>(args[1]);
    if (!is_guest_range(entry.address, u64{count} * sizeof(abi::MulticallEntry))) return Errno::fault;

    for (u32 left = count; left != 0; --left, entry = entry + 1) {
        if (!vcpu.demotions.empty() && !drain_demotions(vcpu.demotions)) return continue_at(args, entry, left);
        if (left != count && hal::should_preempt()) return continue_at(args, entry, left);

        abi::MulticallEntry call;
        if (!hal::copy_from_guest(&call, entry.address, sizeof(call))) return Errno::fault;
        Outcome outcome{Errno::inval};  // the answer to a batch in a batch
        if (call.op != abi::hypercall::multicall) [[likely]] {
            HypercallArgs call_args{
                {call.args[0], call.args[1], call.args[2], call.args[3], call.args[4], call.args[5]}};
            outcome = dispatch_hypercall(vcpu, call.op, call_args);
            if (outcome.is_again()) [[unlikely]] {
                if (!rewrite_args(entry, call_args)) return Errno::fault;
                return continue_at(args, entry, left);
            }
        }
        u64 const at = entry.address + offsetof(abi::MulticallEntry, result);
        if (!hal::copy_to_guest(at, &outcome.value, sizeof(outcome.value))) return Errno::fault;
    }
    return 0;
}
}  // namespace hv
