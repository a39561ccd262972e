// SPDX-License-Identifier: MIT
// Every way into the hypervisor with all of the guest's state hostile: flags, selectors, bases (docs/entry.md). A debug
// build of the hypervisor looks at what it has at each of its calls into C++.
#include <array>

#include "attack.hpp"
#include "runtime/smp.hpp"

extern "C" {
void attack_rdmsr(guest::u64 selector, guest::u64 flags);
}

namespace attacks {
namespace {
constexpr u64 flat_data = 0x00cf'f300'0000'ffff;
constexpr u32 own_selector = 1 << 3 | 3;
constexpr u64 direction = 1u << 10, nested = 1u << 14, aligned = 1u << 18;

// --- the descriptor of the stack's selector goes away while the hypervisor is at work for the guest

constinit u64 descriptor_place = 0;

void flip_descriptor() {
    for (u32 i = 0; i < 64; ++i) { (void)guest::update_descriptor(descriptor_place, (i & 1) != 0 ? 0 : flat_data); }
}

void stack_selector_vanishes() {
    Page table;
    table.words()[1] = flat_data;
    table.protect();
    Mfn frame = table.frame();
    accepted(guest::set_gdt(&frame, 512), "a descriptor table");
    descriptor_place = frame.value << 12 | 8;
    start_racer(flip_descriptor);
    for (Race race; race.goes_on();) {
        tries([] { attack_rdmsr(own_selector, direction | nested | aligned | 2); });
    }
    stop_racer();
    accepted(guest::set_gdt(nullptr, 0), "no table");
}

// --- a CPU that finds something to look at over and over

constexpr u32 target = 1, helper = 2;
constinit bool volatile helps = false, takes_none = false;

// No handler, so that no frame of the last NMI is in the way of the next.
void take_no_nmis() {
    if (!takes_none) {
        abi::CallbackUnregister callback{.type = abi::callback::nmi, .unused = 0};
        (void)guest::callback_op(abi::callbackop::unregister_callback, &callback);
        takes_none = true;
    }
    (void)guest::sched_op(abi::schedop::yield);
}

void disturb() {
    for (u32 i = 0; i < 64; ++i) { (void)guest::vcpu_op(abi::vcpuop::send_nmi, target); }
}

[[noreturn]] void help() {
    for (;;) {
        while (helps) { disturb(); }
        (void)guest::vcpu_op(abi::vcpuop::down, helper);
    }
}

// Two send NMIs to the third without a pause; and a vCPU that goes and comes has its CPU look as well. The flushes that
// the senders ask for meanwhile are answered.
void work_without_end() {
    static constinit bool started = false;
    start_racer(take_no_nmis);
    while (!takes_none) { (void)guest::sched_op(abi::schedop::yield); }
    helps = true;
    if (!started) { expect(guest::smp::start(helper, help), "a third vCPU"); }
    else { accepted(guest::vcpu_op(abi::vcpuop::up, helper), "the third vCPU again"); }
    started = true;
    abi::MmuextOp flush{};
    flush.cmd = abi::mmuext::tlb_flush_all;
    for (Race race; race.goes_on();) {
        disturb();
        if (race.round() % 8 == 0) { accepted(guest::vcpu_op(abi::vcpuop::down, helper), "down"); }
        if (race.round() % 8 == 1) { accepted(guest::vcpu_op(abi::vcpuop::up, helper), "up"); }
        accepted(guest::mmuext_op(&flush, 1), "a flush");
    }
    helps = false;
    accepted(guest::vcpu_op(abi::vcpuop::up, helper), "up");
    stop_racer();
    while (guest::vcpu_op(abi::vcpuop::is_up, helper) == 1) { (void)guest::sched_op(abi::schedop::yield); }
}

constexpr std::array list{
    Attack{"entries.stack_selector_vanishes", stack_selector_vanishes},
    Attack{"entries.work_without_end", work_without_end},
};
}  // namespace

Topic entry_attacks() { return {list.begin(), list.end()}; }
}  // namespace attacks
