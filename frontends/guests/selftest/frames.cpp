// SPDX-License-Identifier: MIT
// What the hypervisor pushes for an exception, word by word.
#include "check.hpp"
#include "runtime/event.hpp"
#include "runtime/memory.hpp"
#include "runtime/page_table.hpp"

extern "C" {
struct Captured {
    guest::u64 rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r11, r15, rflags, cs, ss;
    guest::u64 words[10];
};
extern Captured captured;
extern char capture_entry[], capture_stack_top[];
extern char after_int3[], at_ud2[], at_read[], at_write[], after_int80[], after_step[];
void capture_run(guest::u64 kind, guest::u64 address, guest::u64 rsp);
}

namespace selftest {
namespace {
enum Kind : u64 { int3, ud2, read, write, int80, step, fetch };

constexpr u64 carry = 1;
constexpr u64 interrupts = 0x200;
constexpr u64 unmapped_address = 0x5000000123;

void set_gate(u8 vector, u8 flags, void const* entry) {
    abi::TrapInfo table[2] = {
        {.vector = vector, .flags = flags, .cs = abi::selector::flat_cs64, .pad = 0, .address = address_of(entry)}, {}};
    ok(guest::set_trap_table(table), "a single gate is set");
}

// Where the frame of an exception without error code begins on a stack at rsp.
constexpr u64 frame_base(u64 rsp, u64 words) { return (rsp & ~u64{15}) - words * 8; }

void expect_registers() {
    check(captured.rdx == 0x0d0d && captured.rbp == 0xb0b0 && captured.rsi == 0x5151 && captured.rdi == 0xd1d1 &&
              captured.r8 == 0x0808 && captured.r15 == 0x1515,
          "registers are untouched");
    // rcx and r11 are the hypervisor's to change: that is why they are in the frame.
    equal(captured.cs, abi::selector::flat_cs64, "cs in the handler");
    equal(captured.ss, abi::selector::flat_ss, "ss in the handler");
}

// The part of the frame after rcx, r11 and an error code.
void expect_tail(u64 const* tail, u64 rip, u64 mask, u64 flags, u64 rsp) {
    equal(tail[0], rip, "rip");
    equal(tail[1], 0xe030 | mask << 32, "cs without its privilege level, and the event mask");
    equal(tail[2] & 0x401, flags, "the carry flag, and no direction flag");
    equal(tail[2] & interrupts, mask == 0 ? interrupts : 0, "the interrupt flag is the opposite of the event mask");
    equal(tail[2] & 0x3000, 0, "no I/O privilege level");
    equal(tail[3], rsp, "rsp");
    equal(tail[4], abi::selector::flat_ss, "ss");
}

void expect_no_error_code(u64 rip, u64 mask, u64 rsp) {
    equal(captured.rsp, frame_base(rsp, 7), "seven words below the aligned stack");
    equal(captured.words[0], 0x0c0c, "rcx first");
    equal(captured.words[1], 0x1111, "r11 second");
    expect_tail(captured.words + 2, rip, mask, carry, rsp);
    expect_registers();
}

void expect_page_fault(u64 rip, u64 error, u64 address, u64 rsp) {
    equal(captured.rsp, frame_base(rsp, 8), "eight words below the aligned stack");
    equal(captured.words[0], 0x0c0c, "rcx first");
    equal(captured.words[1], 0x1111, "r11 second");
    equal(captured.words[2], error, "error code");
    expect_tail(captured.words + 3, rip, 0, carry, rsp);
    equal(guest::trap::fault_address(), address, "cr2 in vcpu_info");
}

u64 stack(u64 offset) { return address_of(capture_stack_top) - offset; }

void test_breakpoint() {
    set_gate(guest::trap::breakpoint, 3, capture_entry);
    capture_run(int3, 0, stack(64));
    expect_no_error_code(address_of(after_int3), 0, stack(64));
    capture_run(int3, 0, stack(8));
    expect_no_error_code(address_of(after_int3), 0, stack(8));

    guest::event::disable();
    capture_run(int3, 0, stack(64));
    equal(guest::vcpu_info().evtchn_upcall_mask, 1, "the mask stays set");
    guest::event::enable();
    expect_no_error_code(address_of(after_int3), 1, stack(64));

    set_gate(guest::trap::breakpoint, 3 | abi::trap_masks_events, capture_entry);
    capture_run(int3, 0, stack(64));
    equal(guest::vcpu_info().evtchn_upcall_mask, 1, "a gate may mask events");
    guest::event::enable();
    expect_no_error_code(address_of(after_int3), 0, stack(64));
}

void test_page_faults() {
    set_gate(guest::trap::page_fault, 0, capture_entry);
    capture_run(read, unmapped_address, stack(40));
    expect_page_fault(address_of(at_read), 0, unmapped_address, stack(40));
    capture_run(write, unmapped_address, stack(64));
    expect_page_fault(address_of(at_write), 2, unmapped_address, stack(64));

    void* page = guest::memory::allocate();
    ok(guest::page_table::set_read_only(page), "a page becomes read-only");
    capture_run(write, address_of(page) + 5, stack(64));
    expect_page_fault(address_of(at_write), 3, address_of(page) + 5, stack(64));
    u64 entry = guest::page_table::entry(guest::memory::mfn_of(page), guest::pte::read_only | guest::pte::no_execute);
    ok(guest::update_va_mapping(address_of(page), entry), "and not executable");
    capture_run(fetch, address_of(page), stack(64));
    equal(captured.words[2], 0x11, "error code of a fetch from it");
    equal(captured.words[3], address_of(page), "rip of a fetch from it");
    ok(guest::page_table::set_writable(page), "and writable again");
    guest::memory::release(page);

    // The hypervisor's memory is there, but for it alone.
    capture_run(read, 0xffff830000000000, stack(64));
    equal(captured.words[2] & ~u64{1}, 0, "error code of a read of the hypervisor's memory, without its present bit");
}
}  // namespace

void test_exception_frames() {
    test_breakpoint();
    set_gate(guest::trap::invalid_opcode, 0, capture_entry);
    capture_run(ud2, 0, stack(64));
    expect_no_error_code(address_of(at_ud2), 0, stack(64));

    set_gate(guest::trap::software, 3, capture_entry);
    capture_run(int80, 0, stack(64));
    expect_no_error_code(address_of(after_int80), 0, stack(64));

    set_gate(guest::trap::debug, 0, capture_entry);
    capture_run(step, 0, stack(64));
    equal(captured.words[2], address_of(after_step), "a single step ends after the next instruction");
    equal(captured.rflags & 0x100, 0, "and is off in the handler");
    equal(captured.words[4] & 0x100, 0x100, "and on in the frame");

    test_page_faults();
    guest::trap::initialise();

    traps([] { asm volatile("div %%ecx" ::"a"(1), "d"(0), "c"(0)
                            : "cc"); }, guest::trap::divide_error, 0,
          "division by zero");
    traps([] { asm volatile("mov (%0), %%eax" ::"r"(0x8000000000000000)
                            : "rax", "memory"); },
          guest::trap::general_protection, 0, "an address that is not canonical");
    traps([] { asm volatile("hlt"); }, guest::trap::general_protection, 0, "hlt");
    traps([] { asm volatile("mov %0, %%ds" ::"r"(0xf000)); }, guest::trap::general_protection, 0xf000,
          "a selector beyond the descriptor table");
    abi::TrapInfo bad[2] = {
        {.vector = 3, .flags = 3, .cs = abi::selector::flat_cs64, .pad = 0, .address = u64{1} << 63}, {}};
    fails(guest::set_trap_table(bad), Errno::inval, "a gate whose address is not canonical");
    fails(guest::hypercall(abi::hypercall::set_trap_table, 0x123000), Errno::fault, "an unmapped trap table");
}
}  // namespace selftest
