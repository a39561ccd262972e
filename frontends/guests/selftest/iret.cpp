// SPDX-License-Identifier: MIT
// Returning from exceptions: the hypercall, and the instruction where it may be used.
#include "check.hpp"
#include "runtime/event.hpp"

namespace selftest {
namespace {
constinit guest::TrapFrame seen{};

bool skip_breakpoint(guest::TrapFrame& frame) {
    seen = frame;
    return true;  // rip is behind the int3 already
}

bool mask_on_return(guest::TrapFrame& frame) {
    frame.rflags &= ~u64{0x200};
    return true;
}

bool change_registers(guest::TrapFrame& frame) {
    frame.rax = 0xa0a0;
    frame.rcx = 0xc0c0;
    frame.r11 = 0x1b1b;
    frame.rdx = 0xd0d0;
    frame.r15 = 0xf0f0;
    frame.rflags |= 1 | 0x3000;  // carry; the privilege level must not stick
    return true;
}

void test_registers() {
    guest::trap::set_handler(guest::trap::breakpoint, change_registers);
    u64 rax, rcx, r11, rdx, r15, flags;
    asm volatile(
        "xor %%eax, %%eax\n\t"
        "int3\n\t"
        "pushfq\n\t"
        "pop %[flags]\n\t"
        "mov %%r11, %[r11]\n\t"
        "mov %%r15, %[r15]\n\t"
        : "=&a"(rax), "=&c"(rcx), "=&d"(rdx), [r11] "=&r"(r11), [r15] "=&r"(r15), [flags] "=&r"(flags)
        :
        : "r11", "r15", "cc");
    check(rax == 0xa0a0 && rcx == 0xc0c0 && r11 == 0x1b1b && rdx == 0xd0d0 && r15 == 0xf0f0,
          "iret restores every register, rcx and r11 among them");
    equal(flags & 0x3001, 1, "and the flags, without an I/O privilege level");
}

// A native IRETQ to where it stands: kernels use it to serialise the processor.
void native_iret() {
    asm volatile(
        "mov %%ss, %%ecx\n\t"
        "push %%rcx\n\t"
        "lea 8(%%rsp), %%rax\n\t"
        "push %%rax\n\t"
        "pushfq\n\t"
        "mov %%cs, %%ecx\n\t"
        "push %%rcx\n\t"
        "lea 1f(%%rip), %%rcx\n\t"
        "push %%rcx\n\t"
        "iretq\n\t"
        "1:\n\t"
        :
        :
        : "rax", "rcx", "memory", "cc");
}
}  // namespace

void test_iret() {
    guest::trap::set_handler(guest::trap::breakpoint, skip_breakpoint);
    asm volatile("int3" ::: "memory");
    check(guest::event::enabled(), "iret leaves events enabled");
    equal(seen.selector(), 0xe030, "the frame says kernel mode");
    guest::event::disable();
    asm volatile("int3" ::: "memory");
    check(!guest::event::enabled(), "iret leaves events disabled");
    check(seen.events_were_masked(), "and the frame says so");
    runs(native_iret, "a native iretq in the kernel");
    check(!guest::event::enabled(), "which does not touch the event mask");
    guest::event::enable();
    guest::trap::set_handler(guest::trap::breakpoint, mask_on_return);
    asm volatile("int3" ::: "memory");
    check(!guest::event::enabled(), "iret masks events when the frame's interrupt flag is clear");
    guest::event::enable();
    test_registers();
    guest::trap::set_handler(guest::trap::breakpoint, nullptr);
}
}  // namespace selftest
