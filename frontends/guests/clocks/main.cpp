// SPDX-License-Identifier: MIT
// Do all vCPUs agree on the time? This image as dom0 makes two domains of itself, and all vCPUs of the three read their
// clocks as fast as they can. The latest time that anybody has read lies in a page that dom0 grants to both: whoever
// reads the time afterwards must not get an earlier one. Options: seconds=N.
#include <algorithm>
#include <array>
#include <atomic>

#include "clock.hpp"
#include "guests/warden/ward.hpp"
#include "portable/base/number.hpp"
#include "runtime/event.hpp"
#include "runtime/grant.hpp"
#include "runtime/guest.hpp"
#include "runtime/memory.hpp"
#include "runtime/smp.hpp"
#include "runtime/time.hpp"

namespace clocks {
namespace {
constexpr u32 domains = 3, vcpus = guest::smp::most_vcpus;
constexpr u32 shared_ref = 9;  // in dom0's grant table, and the next one
constexpr u64 shared_address = 0xffff960000800000;

struct Shared {
    Meeting everyone;
    std::array<Meeting, domains> domain;
    std::atomic<u32> present;
    std::atomic<u64> end;  // the time at which all may stop; 0 until all are present
    u64 least_visits;
};
static_assert(sizeof(Shared) <= guest::page_size);

constinit Shared* shared = nullptr;
constinit Meeting* ours = nullptr;
constinit std::atomic<u32> at_work{0};

// Half of the vCPUs never give their CPU away, the others do, so that all of them move about.
void compare_clocks(u64 readings) {
    u32 const vcpu = guest::smp::current();
    Clock clock{guest::shared_info().vcpu_info[vcpu].time};
    for (u64 i = 0; i < readings; ++i) {
        ours->visit(clock);
        shared->everyone.visit(clock);
    }
    if (vcpu % 2 != 0) { (void)guest::sched_op(abi::schedop::yield); }
}

// After the time that was asked for, and as many readings in each domain as mean something, however slow the machine
// is.
bool is_over() {
    u64 const end = shared->end.load();
    auto enough = [](Meeting const& meeting) { return meeting.visits >= shared->least_visits; };
    return end != 0 && guest::time::now() >= end && std::ranges::all_of(shared->domain, enough);
}

void compare_until_the_end() {
    ++shared->present;
    while (!is_over()) { compare_clocks(1000); }
}

[[noreturn]] void other_vcpu() {
    compare_until_the_end();
    --at_work;
    (void)guest::vcpu_op(abi::vcpuop::down, guest::smp::current());
    guest::panic("a vCPU that is down runs");
}

void start_others() {
    for (u32 vcpu = 1; vcpu < vcpus; ++vcpu) {
        if (guest::smp::start(vcpu, other_vcpu)) { ++at_work; }
    }
}

void wait_for_others() {
    while (at_work != 0) { (void)guest::sched_op(abi::schedop::yield); }
}

u64 number(std::string_view text) { return hv::parse_decimal<u64>(text).value_or(0); }

void be_a_guest(std::string_view which) {
    u32 const ref = shared_ref + static_cast<u32>(number(which)) - 1;
    warden::require(guest::grant::map(shared_address, abi::dom0, ref), "the shared page");
    shared = reinterpret_cast<Shared*>(shared_address);
    ours = &shared->domain[number(which)];
    start_others();
    compare_until_the_end();
    wait_for_others();
}

void report(std::string_view who, Meeting const& meeting) {
    guest::print("{}: {} readings, {} went backward, by {} ns at most\n", who, meeting.visits.load(),
                 meeting.backward.load(), meeting.furthest.load());
}

void be_dom0() {
    shared = static_cast<Shared*>(guest::memory::allocate());
    ours = &shared->domain[0];
    std::array<warden::Ward, 2> wards;
    std::array<std::string_view, 2> names{"first", "second"}, words{"clocks=1", "clocks=2"};
    for (u32 i = 0; i < wards.size(); ++i) {
        wards[i].build(names[i], words[i], vcpus);
        guest::grant::permit(shared_ref + i, wards[i].id(), guest::memory::mfn_of(shared), abi::gtf::permit_access);
        wards[i].start();
    }
    start_others();
    guest::print("dom0 has {} vCPUs\n", at_work.load() + 1);
    u32 const all = at_work + u32{wards.size()} * vcpus;  // but for this one
    while (shared->present != all) { compare_clocks(100); }
    u64 const seconds = number(guest::option("seconds"));
    shared->least_visits = 10'000 * seconds;
    shared->end = guest::time::now() + seconds * guest::time::second;
    u32 reason = 0;
    for (warden::Ward& ward : wards) {
        while (!ward.ended(reason)) {
            compare_clocks(1000);
            for (warden::Ward& any : wards) { any.print_console(); }
        }
        guest::print("a domain has ended, reason {}\n", reason);
    }
    wait_for_others();
    report("dom0", shared->domain[0]);
    report("first", shared->domain[1]);
    report("second", shared->domain[2]);
    report("everyone", shared->everyone);
    for (warden::Ward& ward : wards) { ward.destroy(); }
    guest::print("end of the clocks\n");
}
}  // namespace
}  // namespace clocks

void guest::main() { is_dom0() ? clocks::be_dom0() : clocks::be_a_guest(option("clocks")); }
