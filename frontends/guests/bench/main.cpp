// SPDX-License-Identifier: MIT
// What the operations of the PV interface cost: one line a row, name and instructions separated by a tab. Boot it as
// dom0 in the counting emulator; tests/bench/pv_calls does so on two hypervisors and compares.
#include <array>

#include "measure.hpp"
#include "runtime/event.hpp"
#include "runtime/guest.hpp"

namespace bench {
bool wanted(Row const& row) {
    std::string_view only = guest::option("only");
    return only.empty() || only == row.name;
}

void report(Row const& row, u64 best) {
    u64 operations = u64{row.times} * row.per;
    guest::print("row {}\t{}.{}\n", row.name, best / operations, best % operations * 10 / operations);
}

void require(bool good, std::string_view what) {
    if (!good) { guest::panic(what); }
}
}  // namespace bench

void guest::main() {
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
    print("end of the rows\n");
}
