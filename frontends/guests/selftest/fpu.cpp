// SPDX-License-Identifier: MIT
// Floating-point state: the virtual task-switched flag, and registers that outlive the loss of the processor.
#include "check.hpp"
#include "runtime/time.hpp"

namespace selftest {
namespace {
void load_xmm(u64 value) { asm volatile("movq %0, %%xmm5" ::"r"(value)); }
u64 read_xmm() {
    u64 value;
    asm volatile("movq %%xmm5, %0" : "=r"(value));
    return value;
}
u32 read_mxcsr() {
    u32 value;
    asm volatile("stmxcsr %0" : "=m"(value));
    return value;
}
u16 read_control_word() {
    u16 value;
    asm volatile("fnstcw %0" : "=m"(value));
    return value;
}

constinit u32 volatile unavailable = 0;
}  // namespace

void test_fpu() {
    runs([] { load_xmm(0x123456789abcdef0); }, "a vector register is written");
    ok(guest::sched_op(abi::schedop::yield), "yield");
    equal(read_xmm(), 0x123456789abcdef0, "it keeps its value over a yield");
    guest::time::sleep_until(guest::time::now() + 20 * guest::time::millisecond);
    equal(read_xmm(), 0x123456789abcdef0, "and over a sleep");
    u32 mxcsr = read_mxcsr() | 0x8000;
    asm volatile("ldmxcsr %0" ::"m"(mxcsr));
    u16 control = 0x27f;
    asm volatile("fldcw %0" ::"m"(control));
    guest::time::sleep_until(guest::time::now() + 20 * guest::time::millisecond);
    equal(read_mxcsr() & 0x8000, 0x8000, "mxcsr too");
    equal(read_control_word(), 0x27f, "and the x87 control word");
    mxcsr = 0x1f80;
    asm volatile("ldmxcsr %0" ::"m"(mxcsr));
    asm volatile("fninit");

    ok(guest::fpu_taskswitch(1), "fpu_taskswitch(1)");
    guest::trap::set_handler(guest::trap::device_not_available, [](guest::TrapFrame&) {
        unavailable = unavailable + 1;
        return true;
    });
    equal(read_xmm(), 0x123456789abcdef0, "the next use raises #NM and then works");
    equal(unavailable, 1, "once: delivery clears the flag");
    (void)read_xmm();
    equal(unavailable, 1, "no second time");
    ok(guest::fpu_taskswitch(1), "fpu_taskswitch(1)");
    ok(guest::fpu_taskswitch(0), "fpu_taskswitch(0)");
    (void)read_xmm();
    equal(unavailable, 1, "no #NM");
    guest::trap::set_handler(guest::trap::device_not_available, nullptr);
}
}  // namespace selftest
