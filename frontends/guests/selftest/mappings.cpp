// SPDX-License-Identifier: MIT
// update_va_mapping: the entry by its address, with the flush it asks for.
#include "check.hpp"
#include "runtime/guest.hpp"
#include "runtime/memory.hpp"
#include "runtime/page_table.hpp"
#include "test_mapping.hpp"

namespace selftest {
void test_update_va_mapping() {
    namespace pt = guest::page_table;
    namespace pte = guest::pte;
    TestMapping mapping;
    void* first = guest::memory::allocate();
    void* second = guest::memory::allocate();
    *static_cast<u32*>(first) = 1;
    *static_cast<u32*>(second) = 2;
    u64 one = pt::entry(guest::memory::mfn_of(first), pte::read_write);
    u64 two = pt::entry(guest::memory::mfn_of(second), pte::read_write);
    u64 address = mapping.address();

    ok(guest::update_va_mapping(address, one, abi::uvmf::none), "a first mapping needs no flush");
    equal(*mapping.at<u32 volatile>(), 1, "reads the first page");
    ok(guest::update_va_mapping(address, two, abi::uvmf::invlpg), "another page, flushed here");
    equal(*mapping.at<u32 volatile>(), 2, "reads the second page");
    ok(guest::update_va_mapping(address, one, abi::uvmf::tlb_flush), "the first, all flushed here");
    equal(*mapping.at<u32 volatile>(), 1, "reads the first page");
    ok(guest::update_va_mapping(address, two, abi::uvmf::invlpg | abi::uvmf::all), "the second, flushed everywhere");
    equal(*mapping.at<u32 volatile>(), 2, "reads the second page");
    u64 vcpus = 1;
    ok(guest::update_va_mapping(address, one, abi::uvmf::tlb_flush | address_of(&vcpus)), "flushed on a set of vCPUs");
    equal(*mapping.at<u32 volatile>(), 1, "reads the first page");
    ok(guest::update_va_mapping(address, 0), "no page");
    traps([&] { (void)*mapping.at<u32 volatile>(); }, guest::trap::page_fault, 0, "faults");
    ok(guest::update_va_mapping(address, 0), "no page, a second time");

    if (guest::is_dom0()) {  // Linux looks for firmware tables in the whole of it
        ok(guest::update_va_mapping(address, pt::entry(Mfn{0x80}, pte::read_only)), "a page of the first MiB");
        runs([&] { (void)*mapping.at<u32 volatile>(); }, "can be read by dom0");
        ok(guest::update_va_mapping(address, 0), "and away");
    }
    fails(guest::update_va_mapping(0x5000000000, one), Errno::inval, "an address without tables");
    fails(guest::update_va_mapping(0xffff830000000000, one), Errno::inval, "an address of the hypervisor's");
    fails(guest::update_va_mapping(abi::machphys_virt_start, one), Errno::inval, "an address of the M2P table");
    fails(guest::update_va_mapping(address, pt::entry(mapping.l1(), pte::read_write)), Errno::busy,
          "a page table is not mapped writable");
    equal(mapping.l1_entry(), 0, "a refused entry is not written");
    ok(guest::update_va_mapping_otherdomain(address, one, abi::uvmf::invlpg, guest::Domid{0x7ff0}),
       "the variant for other domains, with oneself");
    ok(guest::update_va_mapping(address, 0), "and away");
    fails(guest::update_va_mapping_otherdomain(address, one, abi::uvmf::invlpg, guest::Domid{0x7000}), Errno::srch,
          "with a domain that does not exist");
    guest::memory::release(first);
    guest::memory::release(second);
}
}  // namespace selftest
