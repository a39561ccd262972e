// SPDX-License-Identifier: MIT
// Descriptor tables: set_gdt, update_descriptor, set_ldt, and which descriptors are let in.
#include "check.hpp"
#include "runtime/memory.hpp"
#include "runtime/page_table.hpp"

namespace selftest {
namespace {
namespace pt = guest::page_table;

constexpr u64 flat_data = 0x00cf'f300'0000'ffff;  // present, privilege level 3, writable
constexpr u64 flat_data_dpl0 = 0x00cf'9300'0000'ffff;
constexpr u64 flat_code64 = 0x00af'fb00'0000'ffff;
constexpr u64 tss = 0x0000'8900'0000'0067;
constexpr u64 call_gate = 0x0000'ec00'e033'0000;
constexpr u64 small_data = 0x0040'f300'0000'0123;  // limit 0x123

u64 limit_of(u16 selector) {
    u64 limit = 0xbad;
    asm volatile("lsl %1, %0" : "+r"(limit) : "r"(u64{selector}) : "cc");
    return limit;
}

void load_es(u16 selector) { asm volatile("mov %0, %%es" ::"r"(u32{selector})); }

void test_gdt(u64* table) {
    Mfn frame = guest::memory::mfn_of(table);
    table[1] = flat_data;
    table[2] = small_data;
    check(guest::set_gdt(&frame, 16) < 0, "a page that is mapped writable is no descriptor table");
    ok(pt::set_read_only(table), "once read-only");
    ok(guest::set_gdt(&frame, 16), "it is");
    equal(limit_of(2 << 3 | 3), 0x123, "its descriptors are seen");
    runs([] { load_es(1 << 3 | 3); }, "and can be loaded");
    traps([] { load_es(9 << 3 | 3); }, guest::trap::general_protection, 9 << 3, "but not an empty one");
    runs([] { load_es(0); }, "the null selector can");
    check(pt::set_writable(table) != 0, "the page is not mapped writable meanwhile");
    u64 place = frame.value << 12;
    ok(guest::update_descriptor(place + 3 * 8, small_data), "update_descriptor");
    equal(static_cast<u64 volatile*>(table)[3], small_data, "writes it");
    equal(limit_of(3 << 3 | 3), 0x123, "and it counts");
    ok(guest::update_descriptor(place + 4 * 8, flat_code64), "a code descriptor");
    ok(guest::update_descriptor(place + 4 * 8, 0), "none");
    ok(guest::update_descriptor(place + 5 * 8, flat_data_dpl0), "one of privilege level 0");
    equal(static_cast<u64 volatile*>(table)[5] >> 45 & 3, 3, "is stored with 3");
    fails(guest::update_descriptor(place + 6 * 8, tss), Errno::inval, "a task state segment");
    ok(guest::update_descriptor(place + 6 * 8, tss & ~(u64{1} << 47)), "one that is not present is let in");
    fails(guest::update_descriptor(place + 4, flat_data), Errno::inval, "an address that is not aligned");
    fails(guest::update_descriptor(u64{1} << 48, flat_data), Errno::inval, "a frame that does not exist");
    fails(guest::update_descriptor(pt::kernel_root().value << 12, flat_data), Errno::inval, "a page table");
    fails(guest::set_gdt(&frame, 7169), Errno::inval, "too many entries");
    Mfn nowhere{u64{1} << 36};
    fails(guest::set_gdt(&nowhere, 16), Errno::inval, "a frame that does not exist");
    equal(limit_of(2 << 3 | 3), 0x123, "the table is still there");
    ok(guest::set_gdt(nullptr, 0), "no table");
    equal(limit_of(2 << 3 | 3), 0xbad, "its descriptors are gone");
    ok(pt::set_writable(table), "and the page is ordinary memory again");
}

void test_ldt(u64* table) {
    table[1] = small_data;
    table[2] = tss;
    ok(pt::set_read_only(table), "a page for an LDT");
    abi::MmuextOp op{};
    op.cmd = abi::mmuext::set_ldt;
    op.arg1.linear_addr.value = address_of(table);
    op.arg2.nr_ents = 16;
    ok(guest::mmuext_op(&op, 1), "set_ldt");
    guest::TrapFrame frame{};
    check(guest::trap::attempt([] { load_es(1 << 3 | 7); }, frame),
          "a table with a task state segment in it cannot be used");
    equal(frame.vector, guest::trap::page_fault, "the fault is one of the page");
    equal(guest::trap::fault_address(), address_of(table) + 8, "at the guest's address of the descriptor");
    op.arg2.nr_ents = 0;
    ok(guest::mmuext_op(&op, 1), "no LDT");
    ok(pt::set_writable(table), "the page is writable");
    table[2] = 0;
    ok(pt::set_read_only(table), "without the bad descriptor");
    op.arg2.nr_ents = 16;
    ok(guest::mmuext_op(&op, 1), "set_ldt");
    runs([] { load_es(1 << 3 | 7); }, "its descriptors can be loaded");
    equal(limit_of(1 << 3 | 7), 0x123, "and seen");
    runs([] { load_es(0); }, "the null selector again");
    op.arg1.linear_addr.value = address_of(table) + 8;
    fails(guest::mmuext_op(&op, 1), Errno::inval, "an address that is not a page's");
    op.arg1.linear_addr.value = address_of(table);
    op.arg2.nr_ents = 8193;
    fails(guest::mmuext_op(&op, 1), Errno::inval, "too many entries");
    op.arg2.nr_ents = 0;
    ok(guest::mmuext_op(&op, 1), "no LDT");
    ok(pt::set_writable(table), "the page is ordinary memory again");
}

void test_contents(u64* table) {
    Mfn frame = guest::memory::mfn_of(table);
    table[1] = tss;
    ok(pt::set_read_only(table), "a table with a task state segment");
    fails(guest::set_gdt(&frame, 16), Errno::inval, "is refused");
    ok(pt::set_writable(table), "and stays ordinary memory");
    table[1] = call_gate;
    ok(pt::set_read_only(table), "one with a call gate to the guest's own code");
    ok(guest::set_gdt(&frame, 16), "is accepted");
    ok(guest::set_gdt(nullptr, 0), "no table");
    ok(pt::set_writable(table), "ordinary memory");
    __builtin_memset(table, 0, guest::page_size);
}
}  // namespace

void test_descriptors() {
    auto* table = static_cast<u64*>(guest::memory::allocate());
    test_gdt(table);
    __builtin_memset(table, 0, guest::page_size);
    test_ldt(table);
    __builtin_memset(table, 0, guest::page_size);
    test_contents(table);
    guest::memory::release(table);
    equal(limit_of(abi::selector::flat_ss), 0xffffffff, "the hypervisor's flat data segment is always there");
}
}  // namespace selftest
