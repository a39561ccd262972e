// SPDX-License-Identifier: MIT
// A guest that attacks the hypervisor in every way we could think of (docs/attacks.md). Each attack has a name and
// holds or is broken; the last line counts. Options: only=NAME or only=TOPIC (what stands before the dot),
// long=yes (races go on for longer), role=witness, end=fault or end=nmi (none of the attacks, but an end of its own).
#include <array>

#include "attack.hpp"
#include "runtime/event.hpp"
#include "runtime/guest.hpp"
#include "runtime/smp.hpp"
#include "runtime/time.hpp"
#include "witness.hpp"

namespace attacks {
namespace {
constinit std::string_view under_way{};
constinit bool held = true;

// --- what every attack leaves as it was

constexpr u32 own_pages = 16;
constinit std::array<u64*, own_pages> own{};

u64 pattern(u64 page, u64 word) { return page << 40 | word << 8 | 0x5a; }

void take_own_memory() {
    for (u32 page = 0; page < own_pages; ++page) {
        own[page] = static_cast<u64*>(guest::memory::allocate());
        for (u32 word = 0; word < 512; ++word) { own[page][word] = pattern(page, word); }
    }
}

void expect_unharmed() {
    for (u32 page = 0; page < own_pages; ++page) {
        for (u32 word = 0; word < 512; ++word) {
            if (static_cast<u64 volatile*>(own[page])[word] != pattern(page, word)) {
                expect(false, "own memory is unharmed");
                return;
            }
        }
        expect(guest::memory::machine_to_pfn(guest::memory::mfn_of(own[page])) == guest::pfn_of(own[page]),
               "the machine-to-physical table is unharmed");
    }
    expect(guest::xen_version() == (4 << 16 | 17), "hypercalls answer");
    static constinit u64 last = 0;
    u64 now = guest::time::now();
    expect(now >= last, "time goes on");
    last = now;
}

// --- the second vCPU

using Step = void (*)();
constinit Step volatile wanted_step = nullptr;
constinit Step volatile running_step = nullptr;
constinit u64 volatile steps = 0;

void race() {
    for (;;) {
        Step step = wanted_step;
        running_step = step;
        if (step != nullptr) {
            step();
            steps = steps + 1;
        } else {
            (void)guest::sched_op(abi::schedop::yield);
        }
    }
}

bool chosen(std::string_view name) {
    std::string_view only = guest::option("only");
    return only.empty() || name == only || (name.starts_with(only) && name[only.size()] == '.');
}

u32 run(Topic topic) {
    u32 broken = 0;
    for (Attack const* attack = topic.begin; attack != topic.end; ++attack) {
        if (!chosen(attack->name)) { continue; }
        under_way = attack->name;
        held = true;
        guest::print("attack {}\n", under_way);
        attack->run();
        expect_unharmed();
        guest::print("{} {}\n", std::string_view{held ? "held" : "BROKEN"}, under_way);
        if (!held) { ++broken; }
    }
    return broken;
}
}  // namespace

void expect(bool good, std::string_view what) {
    if (!good) {
        held = false;
        guest::print("  {}: not so: {}\n", under_way, what);
    }
}

void start_racer(Step step) {
    static constinit bool started = false;
    wanted_step = step;
    if (!started) { expect(guest::smp::start(1, race), "a second vCPU"); }
    started = true;
    for (u32 turn = 0; turn < 1000 && running_step != step; ++turn) { (void)guest::sched_op(abi::schedop::yield); }
}

void stop_racer() {
    wanted_step = nullptr;
    while (running_step != nullptr) { (void)guest::sched_op(abi::schedop::yield); }
}

u64 racers_steps() { return steps; }

Race::Race() {
    bool const is_long = !guest::option("long").empty();
    enough_overlaps_ = is_long ? 20000 : 1000;
    end_ = guest::time::now() + (is_long ? 20 * guest::time::second : 200 * guest::time::millisecond);
}

bool Race::goes_on() {
    constexpr u32 least_rounds = 100;
    overlaps_ += steps_ != steps ? 1 : 0;
    steps_ = steps;
    if (++round_ <= least_rounds) { return true; }
    return overlaps_ < enough_overlaps_ && guest::time::now() < end_;
}

namespace {
constinit u64 volatile* flipped_word = nullptr;
constinit u64 volatile flipped_values[2]{};

void flip() {
    for (u32 i = 0; i < 64; ++i) { *flipped_word = flipped_values[i & 1]; }
}
}  // namespace

void flip_between(u64* word, u64 one, u64 other) {
    flipped_word = word;
    flipped_values[0] = one;
    flipped_values[1] = other;
    start_racer(flip);
}

void flip_between_also(u64 one) { flipped_values[0] = one; }
}  // namespace attacks

void guest::main() {
    using namespace attacks;
    if (option("role") == "witness") {
        witness::run();
        return;
    }
    end_without_stack(option("end"));
    take_own_memory();
    u32 broken = 0;
    for (Topic topic : {table_attacks(), race_attacks(), fetch_attacks(), number_attacks(), descriptor_attacks(),
                        return_attacks(), instruction_attacks(), multicall_attacks(), grant_attacks(), event_attacks(),
                        privilege_attacks(), fifo_attacks(), vcpu_attacks(), entry_attacks()}) {
        broken += run(topic);
    }
    print("end of the attacks, {} broken\n", broken);
}
