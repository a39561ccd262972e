// SPDX-License-Identifier: MIT
// Stores into page tables that are mapped read-only: the hypervisor carries them out as checked updates.
#include "check.hpp"
#include "runtime/guest.hpp"
#include "runtime/memory.hpp"
#include "runtime/page_table.hpp"
#include "test_mapping.hpp"

namespace selftest {
namespace {
namespace pt = guest::page_table;
namespace pte = guest::pte;

// The L1 of the test mapping as the guest sees it, read-only, and two entries that differ.
struct Fixture {
    TestMapping mapping;
    void* page = guest::memory::allocate();
    u64 one = pt::entry(guest::memory::mfn_of(page), pte::read_write | pte::user);
    u64 volatile* slot = const_cast<u64*>(pt::table(mapping.l1()));

    void set(u64 value) { check(pt::write(mapping.l1_address(), value), "the entry is set"); }
    // The hypervisor may mark what is the user's as global.
    u64 get() const { return *slot & ~pte::global; }
    ~Fixture() {
        (void)pt::write(mapping.l1_address(), 0);
        guest::memory::release(page);
    }
};

bool zero_flag(u64 flags) { return (flags & 0x40) != 0; }
bool carry_flag(u64 flags) { return (flags & 1) != 0; }

void test_plain_stores(Fixture& f) {
    f.set(0);
    runs([&] { asm volatile("mov %1, %0" : "=m"(*f.slot) : "r"(f.one)); }, "mov of 64 bits");
    equal(f.get(), f.one, "stores the entry");
    runs([&] { asm volatile("movq $0, %0" : "=m"(*f.slot)); }, "mov of an immediate 0");
    equal(f.get(), 0, "clears the entry");
    f.set(f.one);
    u8 volatile* bytes = reinterpret_cast<u8 volatile*>(f.slot);
    u8 low = static_cast<u8>(f.one & ~pte::writable);
    runs([&] { asm volatile("movb %1, %0" : "=m"(*bytes) : "q"(low)); }, "mov of one byte");
    equal(f.get(), f.one & ~pte::writable, "changes that byte");
    f.set(f.one);
    u32 half = static_cast<u32>(f.one & ~pte::dirty);
    runs([&] { asm volatile("movl %1, %0"
                            : "=m"(*reinterpret_cast<u32 volatile*>(f.slot))
                            : "r"(half)); },
         "mov of 32 bits");
    equal(f.get(), f.one & ~pte::dirty, "changes those");
    u64 loaded = 0;
    asm volatile("mov %1, %0" : "=r"(loaded) : "m"(*f.slot));
    equal(loaded & ~pte::global, f.get(), "and a load needs no help");
}

void test_exchanges(Fixture& f) {
    f.set(f.one);
    u64 value = 0;
    runs([&] { asm volatile("xchg %0, %1" : "+r"(value), "+m"(*f.slot)); }, "xchg");
    equal(value & ~pte::global, f.one, "gives the old entry");
    equal(f.get(), 0, "and stores the new one");
    u64 flags;
    u64 expected = 1;
    auto compare_and_exchange = [&] {
        asm volatile("lock cmpxchg %3, %1; pushfq; pop %2"
                     : "+a"(expected), "+m"(*f.slot), "=r"(flags)
                     : "r"(f.one)
                     : "cc", "memory");
    };
    runs(compare_and_exchange, "lock cmpxchg with a wrong guess");
    check(!zero_flag(flags), "says so");
    equal(expected, 0, "gives the entry");
    equal(f.get(), 0, "and stores nothing");
    runs(compare_and_exchange, "lock cmpxchg with the right guess");
    check(zero_flag(flags), "says so");
    equal(f.get(), f.one, "and stores");
    u64 addend = 0x200;  // an available bit
    runs([&] { asm volatile("lock xadd %0, %1" : "+r"(addend), "+m"(*f.slot)::"cc"); }, "lock xadd");
    equal(addend & ~pte::global, f.one, "gives the old entry");
    equal(f.get(), f.one + 0x200, "and stores the sum");
}

void test_bits(Fixture& f) {
    f.set(f.one);
    runs([&] { asm volatile("lock andb $0xfd, %0"
                            : "+m"(*reinterpret_cast<u8 volatile*>(f.slot))::"cc"); },
         "lock and of one byte");
    equal(f.get(), f.one & ~pte::writable, "clears the writable bit");
    u64 flags;
    runs([&] { asm volatile("lock btrq $5, %0; pushfq; pop %1"
                            : "+m"(*f.slot), "=r"(flags)::"cc", "memory"); },
         "lock btr by an immediate");
    check(carry_flag(flags), "reports the bit");
    equal(f.get(), f.one & ~pte::writable & ~pte::accessed, "and clears it");
    u64 bit = 5;
    runs(
        [&] {
            asm volatile("lock btrq %2, %0; pushfq; pop %1" : "+m"(*f.slot), "=&r"(flags) : "r"(bit) : "cc", "memory");
        },
        "lock btr by a register");
    check(!carry_flag(flags), "reports that it was clear");
    runs([&] { asm volatile("lock btsq %1, %0" : "+m"(*f.slot) : "r"(bit) : "cc"); }, "lock bts");
    equal(f.get(), f.one & ~pte::writable, "sets it");
    runs([&] { asm volatile("lock orq $2, %0" : "+m"(*f.slot)::"cc"); }, "lock or of 64 bits");
    equal(f.get(), f.one, "sets the writable bit");
    runs([&] { asm volatile("andq $-3, %0" : "+m"(*f.slot)::"cc"); }, "and without a lock");
    equal(f.get(), f.one & ~pte::writable, "clears it");
    runs([&] { asm volatile("lock addq $2, %0" : "+m"(*f.slot)::"cc"); }, "lock add");
    equal(f.get(), f.one, "adds");
    runs([&] { asm volatile("lock xorq %1, %0" : "+m"(*f.slot) : "r"(u64{0x200}) : "cc"); }, "lock xor");
    equal(f.get(), f.one ^ 0x200, "flips");
    runs([&] { asm volatile("lock subq $0x200, %0" : "+m"(*f.slot)::"cc"); }, "lock sub");
    equal(f.get(), f.one, "subtracts");
    runs([&] { asm volatile("lock btcq $9, %0" : "+m"(*f.slot)::"cc"); }, "lock btc");
    equal(f.get(), f.one ^ 0x200, "complements");
}

void test_addressing(Fixture& f) {
    f.set(0);
    u64 base = address_of(f.slot) - 0x40;
    u64 index = 8;
    runs(
        [&] {
            asm volatile("mov %0, %%r13; mov %1, %%r12; mov %2, %%r9; mov %%r9, 0(%%r13,%%r12,8)" ::"r"(base),
                         "r"(index), "r"(f.one)
                         : "r9", "r12", "r13", "memory");
        },
        "mov with base, index and high registers");
    equal(f.get(), f.one, "stores");
    runs([&] { asm volatile("movq $0, 0x40(%0)" ::"r"(base) : "memory"); }, "mov with a displacement");
    equal(f.get(), 0, "stores");
    f.set(f.one);
    runs([&] { asm volatile("mov %0, %%r12; lock andb $0xfd, 0x40(%%r12)" ::"r"(base)
                            : "r12", "memory", "cc"); },
         "lock and of a byte with a high base register");
    equal(f.get(), f.one & ~pte::writable, "clears the writable bit");
}

void test_refusals(Fixture& f) {
    f.set(0);
    u64 bad = pt::entry(f.mapping.l1(), pte::read_write);
    traps([&] { asm volatile("mov %1, %0"
                             : "=m"(*f.slot)
                             : "r"(bad)); }, guest::trap::page_fault, 3,
          "a store of a writable mapping of a page table faults");
    equal(guest::trap::fault_address(), address_of(f.slot), "at the table");
    equal(f.get(), 0, "and stores nothing");
    u64 volatile* l2 = const_cast<u64*>(pt::table(f.mapping.l2()));
    traps([&] { asm volatile("movq $0, %0"
                             : "=m"(l2[9])); }, guest::trap::page_fault, 3,
          "a store into an L2 table faults");
    void* data = guest::memory::allocate();
    ok(pt::set_read_only(data), "an ordinary page, read-only");
    traps([&] { *static_cast<u64 volatile*>(data) = 1; }, guest::trap::page_fault, 3, "a store into it faults");
    ok(pt::set_writable(data), "and is writable again");
    guest::memory::release(data);
    if (!guest::is_dom0()) {  // Xen helps dom0 in any case
        ok(guest::vm_assist(abi::vmassist::disable, abi::vmassist::writable_pagetables), "without the assist");
        traps([&] { *f.slot = 0; }, guest::trap::page_fault, 3, "a store into an L1 table faults");
        ok(guest::vm_assist(abi::vmassist::enable, abi::vmassist::writable_pagetables), "with it again");
    }
}
}  // namespace

void test_writable_tables() {
    ok(guest::vm_assist(abi::vmassist::enable, abi::vmassist::writable_pagetables), "vm_assist writable_pagetables");
    Fixture fixture;
    test_plain_stores(fixture);
    test_exchanges(fixture);
    test_bits(fixture);
    test_addressing(fixture);
    test_refusals(fixture);
}
}  // namespace selftest
