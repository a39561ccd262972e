// SPDX-License-Identifier: MIT
// Rows of the benchmark: a name and the cost of one operation, by the time stamp counter, which counts instructions in
// the counting emulator.
#pragma once
#include <string_view>

#include "runtime/hypercall.hpp"
#include "runtime/time.hpp"

namespace bench {
using guest::address_of;
using guest::Mfn;
using guest::u32;
using guest::u64;
using guest::u8;

inline constexpr u32 rounds = 5;

struct Row {
    std::string_view name;
    u32 times = 256;  // operations a round
    u32 per = 1;      // what one operation does of what the row counts
};

// The hypervisor's counters of what a clock that counts instructions does not show: its CPUs' sums, none on a
// hypervisor without them.
struct Counters {
    u32 count = 0;
    u64 value[8];
};
Counters read_counters();

// The command line may name one row: only=ROW.
bool wanted(Row const& row);
void report(Row const& row, u64 best, Counters const& before);

// The best of five rounds, the loop around the operation included.
template <class Operation>
void measure(Row const& row, Operation operation) {
    if (!wanted(row)) { return; }
    Counters const before = read_counters();
    u64 best = ~u64{0};
    for (u32 round = 0; round < rounds; ++round) {
        u64 begin = guest::time::cycles();
        for (u32 i = 0; i < row.times; ++i) { operation(); }
        u64 spent = guest::time::cycles() - begin;
        if (spent < best) { best = spent; }
    }
    report(row, best, before);
}

// What must succeed for a row to mean anything; the guest ends if it does not.
void require(bool good, std::string_view what);

// One function a file.
void measure_calls();
void measure_exceptions();
void measure_tables();
void measure_writable_tables();
void measure_events();
void measure_grants();
void measure_balloon();
void measure_user_mode();
void measure_partner();
void be_the_partner();
}  // namespace bench
