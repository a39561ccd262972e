// SPDX-License-Identifier: MIT
// Exceptions to the guest's handler and back, from its kernel.
#include "entries.hpp"
#include "measure.hpp"
#include "runtime/trap.hpp"

namespace bench {
namespace {
constexpr u64 unmapped = 0xffff970000000000;
}  // namespace

void set_gate(u8 vector, char const* entry, u8 flags) {
    abi::TrapInfo table[2]{};
    table[0] = {
        .vector = vector, .flags = flags, .cs = abi::selector::flat_cs64, .pad = 0, .address = address_of(entry)};
    require(guest::set_trap_table(table) == 0, "set_trap_table");
}

void measure_exceptions() {
    set_gate(guest::trap::breakpoint, bench_return, 3);
    measure({"exception_int3_bounce_and_iret"}, [] { asm volatile("int3"); });
    set_gate(guest::trap::invalid_opcode, bench_skip_ud2, 0);
    measure({"exception_ud2_bounce_and_iret"}, [] { asm volatile("ud2"); });
    set_gate(guest::trap::page_fault, bench_skip_load, 0);
    measure({"pagefault_bounce_and_iret"}, [] { asm volatile("movq (%%rax), %%rdx" ::"a"(unmapped) : "rdx"); });
    guest::trap::initialise();
}
}  // namespace bench
