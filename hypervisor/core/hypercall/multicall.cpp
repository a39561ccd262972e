// SPDX-License-Identifier: MIT
// A batch of hypercalls. Each entry behaves like a hypercall of its own; only event delivery waits for the end. An iret
// ends the batch.
#include "public/multicall.hpp"
#include "core/guest_access.hpp"
#include "core/hypercall/table.hpp"
#include "core/mm/demotion.hpp"

namespace hv {
namespace {
// An entry (abi::MulticallEntry) with its arguments as handlers take them.
struct Call {
    u64 op;
    i64 result;
    HypercallArgs args;
};
static_assert(sizeof(Call) == sizeof(abi::MulticallEntry) &&
              offsetof(Call, args) == offsetof(abi::MulticallEntry, args));

// Long entries ask by themselves whether to stop; short ones are not worth a question each.
constexpr u32 entries_between_questions = 8;

// The batch goes on at `next`, with `left` entries to do, when the guest's instruction is repeated.
Outcome continue_at(HypercallArgs& args, u64 next, u64 left) {
    args[0] = next;
    args[1] = left;
    return Outcome::again();
}
}  // namespace

Outcome do_multicall(Vcpu& vcpu, HypercallArgs& args) {
    u64 entry = args[0];
    u32 const count = static_cast<u32>(args[1]);
    if (!is_guest_range(entry, u64{count} * sizeof(Call))) return Errno::fault;

    for (u32 left = count; left != 0; --left, entry += sizeof(Call)) {
        if (!vcpu.demotions.empty() && !drain_demotions(vcpu.demotions)) [[unlikely]]
            return continue_at(args, entry, left);
        bool const ask = left % entries_between_questions == 0 && left != count;
        if (ask && hal::should_preempt()) return continue_at(args, entry, left);

        Call call;
        if (!load_guest(call, entry)) return Errno::fault;
        bool const nested = call.op == abi::hypercall::multicall;
        Outcome const outcome = nested ? Outcome{Errno::inval} : dispatch_hypercall(vcpu, call.op, call.args);
        if (outcome.kind != Outcome::Kind::done) [[unlikely]] {
            // After iret, the registers that the batch would go on with are gone, and in user mode nobody may make
            // hypercalls (XSA-213). What was preempted is called again with its arguments as they are now.
            if (!outcome.is_again()) return outcome;
            if (!store_guest(entry + offsetof(Call, args), call.args)) return Errno::fault;
            return continue_at(args, entry, left);
        }
        if (!store_guest(entry + offsetof(Call, result), outcome.value)) return Errno::fault;
    }
    return 0;
}
}  // namespace hv
