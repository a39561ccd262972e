// SPDX-License-Identifier: MIT
// Debug registers: by hypercall, by instruction, and at work.
#include "check.hpp"

namespace selftest {
namespace {
constinit guest::TrapFrame seen{};
constinit u32 volatile hits = 0;
constinit u64 watched = 0;

bool on_debug(guest::TrapFrame& frame) {
    seen = frame;
    hits = hits + 1;
    return true;
}

u64 get(u32 index) { return static_cast<u64>(guest::get_debugreg(index)); }
}  // namespace

void test_debug_registers() {
    equal(get(7) & 0xff, 0, "no breakpoint is enabled");
    ok(guest::set_debugreg(0, address_of(&watched)), "an address");
    equal(get(0), address_of(&watched), "as it reads");
    fails(guest::set_debugreg(0, 0xffff830000000000), Errno::perm, "an address of the hypervisor's");
    fails(guest::set_debugreg(9, 0), Errno::nodev, "a register that does not exist");
    u64 value;
    runs([&] { asm volatile("mov %%db0, %0" : "=r"(value)); }, "mov from a debug register");
    equal(value, address_of(&watched), "reads it");
    runs([&] { asm volatile("mov %0, %%db1" ::"r"(u64{0x1234})); }, "mov to a debug register");
    equal(get(1), 0x1234, "writes it");
    guest::trap::set_handler(guest::trap::debug, on_debug);
    ok(guest::set_debugreg(7, 0x000d0401), "a watchpoint on writes of four bytes");
    *static_cast<u64 volatile*>(&watched) = 1;
    equal(hits, 1, "fires");
    equal(get(6) & 0xf, 1, "and says which");
    ok(guest::set_debugreg(6, 0), "the status is cleared");
    equal(get(6) & 0xf, 0, "as it reads");
    ok(guest::set_debugreg(7, 0x400), "no watchpoint");
    *static_cast<u64 volatile*>(&watched) = 2;
    equal(hits, 1, "does not fire");
    fails(guest::set_debugreg(7, 0x00020402), Errno::perm, "an I/O breakpoint");
    guest::trap::set_handler(guest::trap::debug, nullptr);
    ok(guest::set_debugreg(0, 0), "cleared");
    ok(guest::set_debugreg(1, 0), "cleared");
}
}  // namespace selftest
