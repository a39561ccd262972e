// SPDX-License-Identifier: MIT
// Control registers, CLTS, WBINVD, XSETBV and CLI/STI.
#include "privileged.hpp"
#include "runtime/event.hpp"
#include "runtime/page_table.hpp"

namespace selftest {
namespace {
constexpr u64 cr0_task_switched = 8;
constexpr u64 cr0_always = 0x80010001;  // paging, write protection, protected mode
constexpr u64 cr4_osxsave = u64{1} << 18;

u64 read_cr0() {
    u64 value;
    asm volatile("mov %%cr0, %0" : "=r"(value)::"memory");
    return value;
}
u64 read_cr2() {
    u64 value;
    asm volatile("mov %%cr2, %0" : "=r"(value)::"memory");
    return value;
}
u64 read_cr3() {
    u64 value;
    asm volatile("mov %%cr3, %0" : "=r"(value)::"memory");
    return value;
}
u64 read_cr4() {
    u64 value;
    asm volatile("mov %%cr4, %0" : "=r"(value)::"memory");
    return value;
}
void write_cr0(u64 value) { asm volatile("mov %0, %%cr0" ::"r"(value) : "memory"); }
void write_cr2(u64 value) { asm volatile("mov %0, %%cr2" ::"r"(value) : "memory"); }
void write_cr3(u64 value) { asm volatile("mov %0, %%cr3" ::"r"(value) : "memory"); }
void write_cr4(u64 value) { asm volatile("mov %0, %%cr4" ::"r"(value) : "memory"); }

void test_cr0() {
    u64 cr0 = read_cr0();
    equal(cr0 & cr0_always, cr0_always, "cr0 has paging, write protection and protected mode");
    equal(cr0 & cr0_task_switched, 0, "and no task switched");
    runs([&] { write_cr0(cr0 | cr0_task_switched); }, "mov to cr0 sets task switched");
    equal(read_cr0(), cr0 | cr0_task_switched, "as it reads");
    runs([] { asm volatile("clts"); }, "clts");
    equal(read_cr0(), cr0, "clears it");
    traps([&] { write_cr0(cr0 & ~u64{0x10000}); }, guest::trap::general_protection, 0, "nothing else of cr0 changes");
}

void test_cr4() {
    u64 cr4 = read_cr4();
    equal(cr4 & 0x20, 0x20, "cr4 has physical address extension");
    runs([&] { write_cr4(cr4); }, "mov to cr4 of the same value");
    equal(read_cr4(), cr4, "changes nothing");
    runs([&] { write_cr4(cr4 | cr4_osxsave); }, "mov to cr4 sets osxsave");
    equal(read_cr4() & cr4_osxsave, cr4_osxsave, "as it reads");
    u32 low, high;
    runs([&] { asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0)); }, "xgetbv");
    equal(low & 3, 3, "says x87 and SSE");
    runs([&] { asm volatile("xsetbv" ::"a"(low), "d"(high), "c"(0)); }, "xsetbv of the same");
    traps([] { asm volatile("xsetbv" ::"a"(2), "d"(0), "c"(0)); }, guest::trap::general_protection, 0,
          "xsetbv without x87");
    traps([] { asm volatile("xsetbv" ::"a"(3), "d"(0), "c"(1)); }, guest::trap::general_protection, 0,
          "xsetbv of another register");
}
}  // namespace

void test_control_registers() {
    test_cr0();
    guest::TrapFrame frame{};
    (void)guest::trap::attempt([] { *reinterpret_cast<u32 volatile*>(0x5000000678) = 1; }, frame);
    equal(read_cr2(), 0x5000000678, "cr2 is the last page fault's address");
    equal(guest::trap::fault_address(), 0x5000000678, "and so is that in vcpu_info");
    runs([] { write_cr2(0x4321); }, "mov to cr2");
    equal(read_cr2(), 0x4321, "as it reads");
    equal(read_cr3(), guest::page_table::kernel_root().value << 12, "cr3 is the kernel root");
    runs([] { write_cr3(guest::page_table::kernel_root().value << 12); }, "mov to cr3 of the same");
    test_cr4();
    runs([] { asm volatile("wbinvd" ::: "memory"); }, "wbinvd");

    traps([] { asm volatile("cli"); }, guest::trap::general_protection, 0, "cli without I/O privilege");
    abi::PhysdevSetIopl iopl{.iopl = 1};
    ok(guest::physdev_op(abi::physdevop::set_iopl, &iopl), "set_iopl 1");
    runs([] { asm volatile("cli"); }, "cli with it");
    check(guest::event::enabled(), "does nothing");
    runs([] { asm volatile("sti"); }, "sti");
    iopl.iopl = 4;
    fails(guest::physdev_op(abi::physdevop::set_iopl, &iopl), Errno::inval, "set_iopl 4");
    iopl.iopl = 0;
    ok(guest::physdev_op(abi::physdevop::set_iopl, &iopl), "set_iopl 0");
    u64 flags;
    asm volatile("pushfq; pop %0" : "=r"(flags)::"memory");
    equal(flags & 0x3200, 0x200, "the real flags have interrupts and no privilege");
    runs([] { asm volatile("pushfq; andq $~0x200, (%%rsp); popfq" ::: "memory", "cc"); }, "popf without interrupts");
    asm volatile("pushfq; pop %0" : "=r"(flags)::"memory");
    equal(flags & 0x200, 0x200, "does not disable them");
}
}  // namespace selftest
