// SPDX-License-Identifier: MIT
// The fuzzing guest: count=N hypercalls (200000) from seed=N (1) on up to two vCPUs, then how many succeeded, for each
// operation. What it did to the hypervisor, others tell: the witness, dom0 and the audit.
#include <atomic>
#include <utility>

#include "fuzz.hpp"
#include "guests/attacks/witness.hpp"
#include "portable/base/number.hpp"
#include "runtime/event.hpp"
#include "runtime/guest.hpp"
#include "runtime/smp.hpp"
#include "runtime/time.hpp"

namespace fuzz {
namespace {
constexpr u32 most_operations = 128;
constexpr u32 vcpus = 2;
constexpr u64 most_ahead = 6;  // calls that one vCPU may have made more than the other one

struct Count {
    u64 made;
    u64 succeeded;
};

constinit std::array<Operation const*, most_operations> operations{};
constinit u32 operation_count = 0;
constinit u32 total_weight = 0;
constinit std::array<std::array<Count, most_operations>, vcpus> counts{};
constinit u64 calls_for_each = 0;
constinit u64 seed = 1;
constinit std::atomic<u32> finished{0};
constinit std::array<std::array<u64, edits.size()>, vcpus> edited{};
// Calls that each vCPU has begun, and between how many of its own calls the other one has gone on.
constinit std::array<std::atomic<u64>, vcpus> progress{};
constinit std::array<u64, vcpus> beside{};

void collect() {
    for (Operations topic :
         {table_operations(), memory_operations(), grant_operations(), event_operations(), processor_operations()}) {
        for (Operation const* operation = topic.begin; operation != topic.end; ++operation) {
            if (operation_count == most_operations) { guest::panic("more operations than there is room for"); }
            operations[operation_count++] = operation;
            total_weight += operation->weight;
        }
    }
}

u32 choose(Random& random) {
    u32 at = random.below(total_weight);
    u32 chosen = 0;
    while (at >= operations[chosen]->weight) { at -= operations[chosen++]->weight; }
    return chosen;
}

// The machine below may run the two vCPUs by turns; their calls are among each other all the same.
void keep_pace(u32 vcpu, u64 call) {
    for (u32 turn = 0; call > progress[1 - vcpu].load(std::memory_order_relaxed) + most_ahead; ++turn) {
        if (turn < 200) {
            asm volatile("pause");
            continue;
        }
        u64 const soon = guest::time::now() + guest::time::millisecond / 10;
        abi::SchedPoll poll{.ports = {0}, .nr_ports = 0, .pad = 0, .timeout = soon};
        (void)guest::sched_op(abi::schedop::poll, &poll);
    }
}

void run(u32 vcpu) {
    Fuzzer fuzzer{seed * vcpus + vcpu, vcpu};
    u64 others = 0;
    for (u64 call = 0; call < calls_for_each; ++call) {
        progress[vcpu].store(call, std::memory_order_relaxed);
        keep_pace(vcpu, call);
        u64 const now = progress[1 - vcpu].load(std::memory_order_relaxed);
        beside[vcpu] += std::exchange(others, now) != now ? 1 : 0;
        u32 chosen = choose(fuzzer.random);
        i64 result = operations[chosen]->run(fuzzer);
        ++counts[vcpu][chosen].made;
        if (result >= 0) { ++counts[vcpu][chosen].succeeded; }
        if (fuzzer.random.one_in(3)) { ++edited[vcpu][edit(fuzzer)]; }
    }
    progress[vcpu].store(calls_for_each, std::memory_order_relaxed);
    finished.fetch_add(1);
}

void second_vcpu() {
    run(1);
    for (;;) { (void)guest::vcpu_op(abi::vcpuop::down, 1); }
}

u64 number(std::string_view option, u64 otherwise) {
    return hv::parse_decimal<u64>(guest::option(option)).value_or(otherwise);
}

void report() {
    u64 made = 0, succeeded = 0;
    for (u32 i = 0; i < operation_count; ++i) {
        Count sum{counts[0][i].made + counts[1][i].made, counts[0][i].succeeded + counts[1][i].succeeded};
        guest::print("operation {}: {} of {}{}\n", operations[i]->name, sum.succeeded, sum.made,
                     std::string_view{operations[i]->refusal ? ", to be refused" : ""});
        made += sum.made;
        succeeded += sum.succeeded;
    }
    for (u32 i = 0; i < edits.size(); ++i) {
        guest::print("edited {}: {} times\n", edits[i], edited[0][i] + edited[1][i]);
    }
    guest::print("beside the other vCPU {} percent\n", (beside[0] + beside[1]) * 100 / made);
    guest::print("calls {}, succeeded {}, percent {}\n", made, succeeded, succeeded * 100 / made);
}
}  // namespace
}  // namespace fuzz

void guest::main() {
    using namespace fuzz;
    if (option("role") == "witness") {
        witness::run();
        return;
    }
    seed = number("seed", 1);
    u64 calls = number("count", 200'000);
    (void)vm_assist(abi::vmassist::enable, abi::vmassist::writable_pagetables);
    collect();
    make_pool();
    event::disable();
    calls_for_each = calls / vcpus;
    bool two = smp::start(1, second_vcpu);
    if (!two) { calls_for_each = progress[1] = calls; }
    print("seed {}, {} calls on {} vCPUs\n", seed, calls, two ? 2u : 1u);
    run(0);
    while (finished.load() < (two ? 2u : 1u)) { (void)sched_op(abi::schedop::yield); }
    // Last of all, since it closes the guest's own ports, and leads back to 2-level events.
    abi::EvtchnReset reset{.dom = abi::domid_self};
    i64 result = event_channel_op(abi::evtchnop::reset, &reset);
    print("operation event reset: {} of 1\n", result == 0 ? 1u : 0u);
    report();
}
