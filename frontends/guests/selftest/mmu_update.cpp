// SPDX-License-Identifier: MIT
// mmu_update: what it does, what it refuses, and how far it got.
#include "check.hpp"
#include "runtime/memory.hpp"
#include "runtime/page_table.hpp"
#include "test_mapping.hpp"

namespace selftest {
namespace {
namespace pt = guest::page_table;
namespace pte = guest::pte;

i64 update(u64 where, u64 value, u32 domid = 0x7ff0) {
    abi::MmuUpdate request{.ptr = where, .val = value};
    return guest::mmu_update(&request, 1, nullptr, domid);
}

void test_values(TestMapping& mapping, Mfn data) {
    u64 where = mapping.l1_address();
    ok(update(where, pt::entry(data, pte::read_write)), "a writable entry");
    *mapping.at<u32 volatile>() = 0x1234;
    equal(*mapping.at<u32 volatile>(), 0x1234, "can be written through");
    ok(update(where, pt::entry(data, pte::read_only)), "the same entry, read-only");
    u64 avail = u64{7} << 9;
    ok(update(where, pt::entry(data, pte::read_only | avail)), "available bits");
    equal(mapping.l1_entry() & avail, avail, "are kept");
    ok(update(where, 0xdeadbeef000 << 1 & ~u64{1}), "an entry that is not present may hold anything");
    equal(mapping.l1_entry(), 0xdeadbeef000 << 1, "and is kept as it is");
    ok(update(where, 0), "an empty entry");
    fails(update(where, pt::entry(data, pte::read_write) | u64{1} << 51), Errno::perm, "a reserved address bit");
    fails(update(where, pt::entry(Mfn{u64{1} << 36}, pte::read_write)), Errno::perm, "a frame that does not exist");
    equal(mapping.l1_entry(), 0, "a refused entry is not written");
}

void test_preserving(TestMapping& mapping, Mfn data) {
    u64 where = mapping.l1_address();
    u64 clean = pte::present | pte::writable | pte::user;
    ok(update(where, pt::entry(data, clean)), "an entry neither accessed nor dirty");
    guest::update_va_mapping(mapping.address(), pt::entry(data, clean));
    *mapping.at<u32 volatile>() = 1;
    u64 touched = pte::accessed | pte::dirty;
    equal(mapping.l1_entry() & touched, touched, "becomes both when it is written through");
    ok(update(where | abi::mmu::pt_update_preserve_ad, pt::entry(data, clean)), "an update that preserves both");
    equal(mapping.l1_entry() & touched, touched, "leaves them");
    ok(update(where, pt::entry(data, clean)), "a normal update");
    equal(mapping.l1_entry() & touched, 0, "does not");
    ok(update(where | abi::mmu::pt_update_no_translate, pt::entry(data, pte::read_write)), "one without translation");
    ok(update(where, 0), "and away");
}

void test_targets(TestMapping& mapping) {
    u64 where = mapping.l1_address();
    Mfn l1 = mapping.l1();
    fails(update(where, pt::entry(l1, pte::read_write)), Errno::busy, "a page table is not mapped writable");
    ok(update(where, pt::entry(l1, pte::read_only)), "but read-only");
    ok(update(where, 0), "and away");
    fails(update(where + 4, 0), Errno::nosys, "an entry address that is not aligned");
    u64 slot_in_l2 = mapping.l2_address();
    u64 old = mapping.l2_entry();
    fails(update(slot_in_l2, old | pte::page_size), Errno::inval, "no large pages");
    fails(update(slot_in_l2, old | pte::global), Errno::inval, "no global bit above L1");
    ok(update(slot_in_l2, old & ~pte::accessed), "flags of an L2 entry");
    ok(update(slot_in_l2, old), "and back");
    void* data = guest::memory::allocate();
    Mfn frame = guest::memory::mfn_of(data);
    fails(update(slot_in_l2 + 8, pt::entry(frame, pte::read_write)), Errno::inval, "a writable page is no page table");
    Mfn l2 = mapping.l2();
    fails(update(slot_in_l2 + 8, pt::entry(l2, pte::read_write)), Errno::inval,
          "an L2 does not point to itself writable");
    u64 root_slot = pt::entry_address(pt::kernel_root(), 0);
    fails(update(root_slot + 256 * 8, 0), Errno::inval, "the hypervisor's first L4 entry");
    fails(update(root_slot + 271 * 8, 0), Errno::inval, "and its last");
    // A frame that is no page table: a plain store.
    ok(update((frame.value << 12) + 16, 0x1122334455667788), "an update of ordinary memory");
    equal(static_cast<u64 volatile*>(data)[2], 0x1122334455667788, "stores the value");
    ok(guest::page_table::set_read_only(data), "the page read-only");
    ok(update((frame.value << 12) + 24, 7), "an update of memory that is mapped read-only");
    equal(static_cast<u64 volatile*>(data)[3], 7, "stores it too");
    ok(guest::page_table::set_writable(data), "the page writable");
    guest::memory::release(data);
}

void test_m2p() {
    void* page = guest::memory::allocate();
    Mfn frame = guest::memory::mfn_of(page);
    guest::Pfn pfn = guest::pfn_of(page);
    ok(update(frame.value << 12 | abi::mmu::machphys_update, 0x777), "machphys_update");
    equal(guest::memory::machine_to_pfn(frame).value, 0x777, "changes the table");
    ok(update(frame.value << 12 | abi::mmu::machphys_update, pfn.value), "and back");
    equal(guest::memory::machine_to_pfn(frame).value, pfn.value, "to what it was");
    fails(update(u64{1} << 48 | abi::mmu::machphys_update, 1), Errno::inval, "machphys_update of no frame");
    guest::memory::release(page);
}

void test_progress(TestMapping& mapping, Mfn data) {
    u64 where = mapping.l1_address();
    abi::MmuUpdate batch[] = {
        {.ptr = where, .val = pt::entry(data, pte::read_write)},
        {.ptr = where + 8, .val = pt::entry(mapping.l1(), pte::read_write)},
        {.ptr = where + 16, .val = pt::entry(data, pte::read_write)},
    };
    u32 done = 99;
    fails(guest::mmu_update(batch, 3, &done), Errno::busy, "a batch whose second request is refused");
    equal(done, 1, "reports one request done");
    equal(mapping.l1_entry(2), 0, "and stops there");
    batch[1].val = 0;
    ok(guest::mmu_update(batch, 3, &done), "a good batch");
    equal(done, 3, "reports all done");
    for (abi::MmuUpdate& request : batch) { request.val = 0; }
    ok(guest::mmu_update(batch, 3), "without a counter");
    ok(guest::mmu_update(batch, 0, &done), "an empty batch");
    equal(done, 0, "does nothing");
    fails(guest::hypercall(abi::hypercall::mmu_update, 0x123000, 1, 0, 0x7ff0), Errno::fault, "an unmapped batch");
    fails(update(where, 0, 0x7000), Errno::srch, "a domain that does not exist");
    fails(update(where, 0, 0x7ff3), Errno::srch, "a domid that names none");
}
}  // namespace

void test_mmu_update() {
    TestMapping mapping;
    void* page = guest::memory::allocate();
    Mfn data = guest::memory::mfn_of(page);
    test_values(mapping, data);
    test_preserving(mapping, data);
    test_targets(mapping);
    test_progress(mapping, data);
    test_m2p();
    guest::memory::release(page);
}
}  // namespace selftest
