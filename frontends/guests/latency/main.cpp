// SPDX-License-Identifier: MIT
// How long does a vCPU that wakes wait for its CPU, and what do those that never sleep get of it? This image as dom0
// makes three domains of itself for the one CPU of the machine: a caller, which spins and sends an event now and then;
// a sleeper, which answers it, and which sleeps on a timer as well; a spinner, which joins them half way. The two that
// are always busy then show what weights and caps give them.
#include <array>
#include <atomic>

#include "guests/warden/ward.hpp"
#include "runtime/event.hpp"
#include "runtime/grant.hpp"
#include "runtime/guest.hpp"
#include "runtime/memory.hpp"
#include "runtime/time.hpp"

namespace latency {
namespace {
using guest::EvtchnPort, guest::u16, guest::u32, guest::u64;
using guest::time::millisecond;

constexpr u32 rounds = 200;    // with one busy neighbour, and with two
constexpr u32 shared_ref = 9;  // in dom0's grant table, and the next ones
constexpr u64 shared_address = 0xffff960000800000;

struct Shared {
    guest::Domid caller, sleeper;
    std::atomic<u32> sleepers_port;  // for the caller; 0: not there yet
    std::atomic<u32> wanted, done;   // rounds
    std::atomic<bool> spinner_is_busy;
    std::atomic<u64> sent;  // when the caller sent its last event
    // In nanoseconds: from sending an event to having answered it, from the time asked for to being awake.
    std::array<u32, rounds> of_event, of_timer;
};
static_assert(sizeof(Shared) <= guest::page_size);

constinit Shared* shared = nullptr;
constinit u32 answered = 0;

// Up to 4 ms, so that events and timers come at any point of a neighbour's run.
u64 some_time() {
    static constinit u64 state = 0x9e3779b97f4a7c15;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % (4 * millisecond);
}

// An emulator that counts instructions is soon done with these.
void spin() {
    for (u32 i = 0; i < 50; ++i) { asm volatile(".fill 64, 1, 0x90"); }
}

void answer(EvtchnPort port) {
    (void)guest::event::send(port);
    shared->of_event[answered++ % rounds] = static_cast<u32>(guest::time::now() - shared->sent);
}

void wait_for_event(u32 round) {
    guest::event::disable();
    while (answered == round) {
        (void)guest::sched_op(abi::schedop::block);  // enables upcalls
        guest::event::disable();
    }
    guest::event::enable();
}

[[noreturn]] void be_the_sleeper() {
    abi::EvtchnAllocUnbound op{.dom = abi::domid_self, .remote_dom = shared->caller, .port = {0}};
    warden::require(guest::event_channel_op(abi::evtchnop::alloc_unbound, &op) == 0, "a port for the caller");
    guest::event::set_handler(op.port, answer);
    shared->sleepers_port = op.port.value;
    for (u32 round = 0;; ++round) {
        wait_for_event(round);
        u64 const deadline = guest::time::now() + some_time();
        guest::time::sleep_until(deadline);
        shared->of_timer[round % rounds] = static_cast<u32>(guest::time::now() - deadline);
        ++shared->done;
    }
}

[[noreturn]] void be_the_caller() {
    while (shared->sleepers_port == 0) { spin(); }
    abi::EvtchnBindInterdomain op{
        .remote_dom = shared->sleeper, .pad = 0, .remote_port = {shared->sleepers_port}, .local_port = {0}};
    warden::require(guest::event_channel_op(abi::evtchnop::bind_interdomain, &op) == 0, "the sleeper's port");
    guest::event::clear(op.local_port);
    for (u32 round = 0;; ++round) {
        while (shared->done != round || shared->wanted == round) { spin(); }
        u64 const when = guest::time::now() + some_time();
        while (guest::time::now() < when) { spin(); }
        shared->sent = guest::time::now();
        (void)guest::event::send(op.local_port);
        while (!guest::event::pending(op.local_port)) { spin(); }
        guest::event::clear(op.local_port);
    }
}

[[noreturn]] void be_the_spinner() {
    shared->spinner_is_busy = true;
    for (;;) { spin(); }
}

void be_a_guest(std::string_view role) {
    u32 const ref = shared_ref + guest::own_domid().value;
    warden::require(guest::grant::map(shared_address, abi::dom0, ref), "the shared page");
    shared = reinterpret_cast<Shared*>(shared_address);
    if (role == "sleeper") { be_the_sleeper(); }
    if (role == "caller") { be_the_caller(); }
    be_the_spinner();
}

void nap(u64 duration) { guest::time::sleep_until(guest::time::now() + duration); }

void report(std::string_view what, std::array<u32, rounds>& samples) {
    for (u32 end = rounds; end > 1; --end) {
        for (u32 i = 1; i < end; ++i) {
            if (samples[i - 1] > samples[i]) { std::swap(samples[i - 1], samples[i]); }
        }
    }
    guest::print("{}: {} times, min {} median {} max {} ns\n", what, rounds, samples[0], samples[rounds / 2],
                 samples[rounds - 1]);
}

void measure_wake_ups(std::string_view event, std::string_view timer) {
    shared->wanted += rounds;
    while (shared->done != shared->wanted) { nap(20 * millisecond); }
    report(event, shared->of_event);
    report(timer, shared->of_timer);
}

void set_share(warden::Ward const& ward, u16 weight, u16 cap) {
    abi::Domctl op{};
    op.u.scheduler_op.sched_id = abi::scheduler::credit2;
    op.u.scheduler_op.cmd = abi::scheduler::putinfo;
    op.u.scheduler_op.u.credit2 = {.weight = weight, .cap = cap};
    warden::require(warden::domctl(op, abi::domctl::scheduler_op, ward.id()) == 0, "a weight and a cap");
}

u64 run_time(warden::Ward const& ward) {
    abi::Domctl op{};
    warden::require(warden::domctl(op, abi::domctl::getdomaininfo, ward.id()) == 0, "getdomaininfo");
    return op.u.getdomaininfo.cpu_time;
}

void measure_shares(std::string_view what, warden::Ward const& first, warden::Ward const& second) {
    nap(100 * millisecond);
    u64 const begin = guest::time::now(), before_first = run_time(first), before_second = run_time(second);
    nap(900 * millisecond);
    u64 const elapsed = (guest::time::now() - begin) / 10'000;  // so that the shares are in 1/100 of a percent
    guest::print("{}: {} and {} of 10000\n", what, (run_time(first) - before_first) / elapsed,
                 (run_time(second) - before_second) / elapsed);
}

void be_dom0() {
    shared = static_cast<Shared*>(guest::memory::allocate());
    warden::Ward sleeper, caller, spinner;
    sleeper.build("sleeper", "role=sleeper", 1);
    caller.build("caller", "role=caller", 1);
    spinner.build("spinner", "role=spinner", 1);
    shared->sleeper = sleeper.id();
    shared->caller = caller.id();
    for (warden::Ward* ward : {&sleeper, &caller, &spinner}) {
        u32 const ref = shared_ref + ward->id().value;
        guest::grant::permit(ref, ward->id(), guest::memory::mfn_of(shared), abi::gtf::permit_access);
        set_share(*ward, 256, 0);
    }
    sleeper.start();
    caller.start();
    measure_wake_ups("one neighbour, event", "one neighbour, timer");
    spinner.start();
    while (!shared->spinner_is_busy) { nap(millisecond); }
    measure_wake_ups("two neighbours, event", "two neighbours, timer");
    measure_shares("weights 256 and 256", caller, spinner);
    set_share(spinner, 512, 0);
    measure_shares("weights 256 and 512", caller, spinner);
    set_share(spinner, 512, 25);
    measure_shares("the second capped at 25 percent", caller, spinner);
    set_share(caller, 256, 25);
    measure_shares("both capped at 25 percent", caller, spinner);
    for (warden::Ward* ward : {&sleeper, &caller, &spinner}) { ward->destroy(); }
    guest::print("end of the latencies\n");
}
}  // namespace
}  // namespace latency

void guest::main() { is_dom0() ? latency::be_dom0() : latency::be_a_guest(option("role")); }
