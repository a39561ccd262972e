// SPDX-License-Identifier: MIT
// What the operations of the PV interface cost: one line a row, name and instructions separated by a tab, and behind
// them how often an operation has moved each counter of the hypervisor's, named in a line "counters". Boot it as dom0
// in the counting emulator, with the same image as its initrd; tests/bench/pv_calls does so on two hypervisors and
// compares.
#include <array>

#include "measure.hpp"
#include "public/sysctl.hpp"
#include "runtime/event.hpp"
#include "runtime/guest.hpp"

namespace bench {
bool wanted(Row const& row) {
    std::string_view only = guest::option("only");
    return only.empty() || only == row.name;
}

Counters read_counters() {
    constexpr u32 most_cpus = 16;
    static constinit abi::SysctlPerfcDesc names[std::size(Counters{}.value)]{};
    static constinit u32 values[std::size(Counters{}.value) * most_cpus]{};
    abi::Sysctl request{.cmd = abi::sysctl::perfc_op, .interface_version = abi::sysctl_interface_version, .u = {}};
    abi::SysctlPerfcOp& op = request.u.perfc_op;
    op.cmd = abi::perfcop::query;
    Counters result;
    if (guest::hypercall(abi::hypercall::sysctl, address_of(&request)) != 0) { return result; }
    require(op.nr_counters <= std::size(names) && op.nr_vals <= std::size(values), "the counters fit");
    op.desc.address = address_of(names);
    op.val.address = address_of(values);
    require(guest::hypercall(abi::hypercall::sysctl, address_of(&request)) == 0, "the counters are told");
    u32 const* next = values;
    for (; result.count < op.nr_counters; ++result.count) {
        result.value[result.count] = 0;
        for (u32 cpu = 0; cpu < names[result.count].nr_vals; ++cpu) { result.value[result.count] += *next++; }
    }
    return result;
}

void report(Row const& row, u64 best, Counters const& before) {
    Counters const end = read_counters();
    u64 const operations = u64{row.times} * row.per;
    guest::print("row {}\t{}.{}", row.name, best / operations, best % operations * 10 / operations);
    for (u32 i = 0; i < end.count; ++i) {
        u64 const moved = end.value[i] - before.value[i];
        u64 const all = operations * rounds;
        guest::print("\t{}.{}{}", moved / all, moved * 10 / all % 10, moved * 100 / all % 10);
    }
    guest::print("\n");
}

void require(bool good, std::string_view what) {
    if (!good) { guest::panic(what); }
}
}  // namespace bench

void guest::main() {
    if (option("role") == "partner") { bench::be_the_partner(); }
    print("row first_instruction\t{}\n", start_cycles());
    event::disable();
    bench::measure_calls();
    bench::measure_exceptions();
    bench::measure_tables();
    bench::measure_writable_tables();
    bench::measure_events();
    bench::measure_grants();
    bench::measure_balloon();
    bench::measure_user_mode();
    bench::measure_partner();
    print("end of the rows\n");
}
