// SPDX-License-Identifier: MIT
// A batch of hypercalls. Each entry behaves like a hypercall of its own; only event delivery waits for the end. An iret
// ends the batch.
#include "public/multicall.hpp"
#include "core/guest_access.hpp"
#include "core/hal/cpu.hpp"
#include "core/hypercall/dispatch.hpp"
#include "core/mm/typed_ref.hpp"

namespace hv {
namespace {
// The batch goes on at `next`, with `left` entries to do, when the guest's instruction is repeated.
Outcome continue_at(HypercallArgs& args, u64 next, u64 left) {
    args[0] = next;
    args[1] = left;
    return Outcome::again();
}

// The call of that entry was preempted: it is made again with its arguments as they are now.
[[gnu::noinline]] Outcome repeat_entry(HypercallArgs& args, u64 entry, u64 left, HypercallArgs const& call) {
    if (!store_guest(entry + offsetof(abi::MulticallEntry, args), call)) return Errno::fault;
    return continue_at(args, entry, left);
}
}  // namespace

Outcome do_multicall(Vcpu& vcpu, HypercallArgs& args) {
    using Entry = abi::MulticallEntry;
    u64 entry = args[0];
    u32 const count = static_cast<u32>(args[1]);
    if (!check_guest_range(entry, u64{count} * sizeof(Entry))) return Errno::fault;

    for (u32 left = count; left != 0; --left, entry += sizeof(Entry)) {
        if (!vcpu.demotions.empty() && !demote_queued(vcpu.demotions)) [[unlikely]]
            return continue_at(args, entry, left);
        bool const ask = left % hal::between_questions::multicall_entries == 0 && left != count;
        if (ask && hal::should_preempt()) return continue_at(args, entry, left);

        u64 op;
        HypercallArgs call;
        if (!load_guest(op, entry + offsetof(Entry, op)) || !load_guest(call, entry + offsetof(Entry, args)))
            return Errno::fault;
        Outcome outcome = Errno::inval;
        if (op != abi::hypercall::multicall) [[likely]]
            outcome = dispatch_hypercall(vcpu, op, call);
        // After iret, the registers that the batch would go on with are gone, and in user mode nobody may make
        // hypercalls (XSA-213).
        if (outcome.kind != Outcome::Kind::done) [[unlikely]]
            return outcome.is_again() ? repeat_entry(args, entry, left, call) : outcome;
        if (!store_guest(entry + offsetof(Entry, result), static_cast<u64>(outcome.value))) return Errno::fault;
    }
    return 0;
}
}  // namespace hv
