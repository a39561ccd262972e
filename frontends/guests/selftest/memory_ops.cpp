// SPDX-License-Identifier: MIT
// memory_op: giving frames back, taking new ones, exchanging them, and what the machine looks like.
#include "check.hpp"
#include "runtime/guest.hpp"
#include "runtime/memory.hpp"
#include "runtime/page_table.hpp"

namespace selftest {
namespace {
namespace pt = guest::page_table;
namespace pte = guest::pte;

constexpr guest::Domid self{0x7ff0};

abi::MemoryReservation reservation(u64* list, u64 count, u32 order = 0) {
    abi::MemoryReservation r{};
    r.extent_start = guest::pointer_to(list);
    r.nr_extents = count;
    r.extent_order = order;
    r.domid = self;
    return r;
}

i64 tot_pages() {
    abi::MemoryDomain domain{.domid = self};
    return guest::memory_op(abi::memop::current_reservation, &domain);
}

void test_information() {
    check(guest::hypercall(abi::hypercall::memory_op, abi::memop::maximum_ram_page) > 0, "maximum_ram_page");
    abi::MemoryDomain domain{.domid = self};
    check(tot_pages() > 0 && static_cast<u64>(tot_pages()) >= guest::memory::total_pages() / 2, "current_reservation");
    check(guest::memory_op(abi::memop::maximum_reservation, &domain) >= tot_pages(), "maximum_reservation");
    domain.domid = {0x7000};
    check(guest::memory_op(abi::memop::current_reservation, &domain) < 0, "of a domain that does not exist");
    abi::MachphysMapping mapping{};
    ok(guest::memory_op(abi::memop::machphys_mapping, &mapping), "machphys_mapping");
    equal(mapping.v_start.value, abi::machphys_virt_start, "begins where the ABI says");
    check(mapping.v_end.value <= abi::machphys_virt_end && mapping.max_mfn > 0, "and ends");
    static constinit abi::E820Entry entries[64]{};
    abi::MemoryMap map{.nr_entries = 64, .pad = 0, .buffer = guest::pointer_to(&entries[0])};
    if (guest::is_dom0()) {
        ok(guest::memory_op(abi::memop::machine_memory_map, &map), "machine_memory_map");
        check(map.nr_entries >= 2 && entries[0].type == abi::e820::ram && entries[0].addr == 0, "begins with RAM");
    } else {
        check(guest::memory_op(abi::memop::machine_memory_map, &map) < 0, "machine_memory_map is dom0's");
    }
    fails(guest::hypercall(abi::hypercall::memory_op, 63), Errno::nosys, "an unknown operation");
    fails(guest::hypercall(abi::hypercall::memory_op, abi::memop::machphys_mapping, 0x123000), Errno::fault,
          "an unmapped argument");
    equal(static_cast<u64>(guest::hypercall(abi::hypercall::memory_op, abi::memop::decrease_reservation, 0x123000)), 0,
          "an unmapped reservation: nothing done");
}
}  // namespace

void test_reservations() {
    test_information();
    void* page = guest::memory::allocate();
    guest::Pfn pfn = guest::pfn_of(page);
    static_cast<u64*>(page)[7] = 0x5ec4e7;
    u64 list[1] = {guest::memory::mfn_of(page).value};
    i64 before = tot_pages();
    ok(guest::update_va_mapping(address_of(page), 0), "a page is unmapped");
    auto give = reservation(list, 1);
    equal(static_cast<u64>(guest::memory_op(abi::memop::decrease_reservation, &give)), 1, "decrease_reservation");
    equal(static_cast<u64>(tot_pages()), static_cast<u64>(before - 1), "one page fewer");
    equal(static_cast<u64>(guest::memory_op(abi::memop::decrease_reservation, &give)), 0, "it is not given twice");
    u64 entry = pt::entry(Mfn{list[0]}, pte::read_write);
    check(guest::update_va_mapping(address_of(page), entry) < 0, "and cannot be mapped");
    list[0] = pfn.value;
    auto take = reservation(list, 1);
    equal(static_cast<u64>(guest::memory_op(abi::memop::populate_physmap, &take)), 1, "populate_physmap");
    equal(static_cast<u64>(tot_pages()), static_cast<u64>(before), "as many pages as before");
    equal(guest::memory::machine_to_pfn(Mfn{list[0]}).value, pfn.value, "the M2P table knows the new frame");
    guest::memory::set_mfn(pfn, Mfn{list[0]});
    ok(guest::update_va_mapping(address_of(page), pt::entry(Mfn{list[0]}, pte::read_write)), "it can be mapped");
    __builtin_memset(page, 0, guest::page_size);

    list[0] = u64{1} << 36;
    auto bad = reservation(list, 1);
    equal(static_cast<u64>(guest::memory_op(abi::memop::decrease_reservation, &bad)), 0, "no frame is not given back");
    auto unmapped = reservation(reinterpret_cast<u64*>(0x123000), 1);
    check(guest::memory_op(abi::memop::decrease_reservation, &unmapped) <= 0, "an unmapped list");
    auto foreign = reservation(list, 1);
    foreign.domid = {0x7000};
    check(guest::memory_op(abi::memop::decrease_reservation, &foreign) <= 0, "a domain that does not exist");
    auto none = reservation(list, 0);
    ok(guest::memory_op(abi::memop::populate_physmap, &none), "nothing asked, nothing done");
    guest::memory::release(page);
}

void test_exchange() {
    constexpr u64 count = 4;
    void* pages = guest::memory::allocate_contiguous(count);
    u64 in[count];
    u64 out[count];
    for (u64 i = 0; i < count; ++i) {
        auto* page = static_cast<u8*>(pages) + i * guest::page_size;
        in[i] = guest::memory::mfn_of(page).value;
        out[i] = guest::pfn_of(page).value;
    }
    i64 before = tot_pages();
    abi::MemoryExchange exchange{.in = reservation(in, count), .out = reservation(out, 1, 2), .nr_exchanged = 0};
    auto unmap_all = [&] {
        for (u64 i = 0; i < count; ++i) {
            ok(guest::update_va_mapping(address_of(pages) + i * guest::page_size, 0), "unmapped");
        }
    };
    check(guest::memory_op(abi::memop::exchange, &exchange) < 0, "frames that are mapped are not exchanged");
    equal(exchange.nr_exchanged, 0, "not one");
    unmap_all();
    exchange.out.nr_extents = 2;
    fails(guest::memory_op(abi::memop::exchange, &exchange), Errno::inval, "sizes that differ");
    exchange.out = reservation(out, 1, 2);
    exchange.out.mem_flags = 40;
    exchange.nr_exchanged = 0;
    ok(guest::memory_op(abi::memop::exchange, &exchange), "four frames for four in a row");
    equal(exchange.nr_exchanged, count, "all of them");
    equal(out[0] & 3, 0, "aligned");
    equal(static_cast<u64>(tot_pages()), static_cast<u64>(before), "as many pages as before");
    guest::Pfn first = guest::pfn_of(pages);
    for (u64 i = 0; i < count; ++i) {
        Mfn frame{out[0] + i};
        guest::Pfn pfn = first + i;
        equal(guest::memory::machine_to_pfn(frame).value, pfn.value, "the M2P table knows the new frame");
        guest::memory::set_mfn(pfn, frame);
        ok(guest::update_va_mapping(guest::address_of(pfn), pt::entry(frame, pte::read_write)), "it can be mapped");
        __builtin_memset(guest::pointer_to(pfn), 0, guest::page_size);
    }
    for (u64 i = 0; i < count; ++i) { guest::memory::release(static_cast<u8*>(pages) + i * guest::page_size); }
}
}  // namespace selftest
