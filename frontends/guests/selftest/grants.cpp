// SPDX-License-Identifier: MIT
// Grants to oneself: mapping, unmapping, what is refused, and copies.
#include <atomic>

#include "check.hpp"
#include "runtime/memory.hpp"
#include "runtime/page_table.hpp"
#include "test_mapping.hpp"

namespace selftest {
namespace {
namespace pt = guest::page_table;
namespace pte = guest::pte;
namespace gtf = abi::gtf;
namespace gntmap = abi::gntmap;
namespace gntst = abi::gntst;
using guest::i16;

constexpr u32 test_ref = 20;
constexpr guest::Domid self{0x7ff0};

// The first frame of the grant table, mapped once.
abi::GrantEntryV1 volatile* table() {
    static constinit abi::GrantEntryV1 volatile* entries = nullptr;
    if (entries == nullptr) {
        Mfn frame{0};
        abi::GnttabSetupTable setup{};
        setup.dom = self;
        setup.nr_frames = 1;
        setup.frame_list = guest::pointer_to(&frame);
        ok(guest::grant_table_op(abi::gnttabop::setup_table, &setup, 1), "setup_table");
        equal(static_cast<u16>(setup.status), 0, "status okay");
        u64 address = TestMapping::address() + 0x100000;
        check(pt::map(pt::kernel_root(), address, pt::entry(frame, pte::read_write)), "the table is mapped");
        entries = reinterpret_cast<abi::GrantEntryV1 volatile*>(address);
    }
    return entries;
}

void grant(u32 ref, Mfn frame, u16 flags) {
    table()[ref].frame = static_cast<u32>(frame.value);
    table()[ref].domid.value = own_domid().value;
    std::atomic_signal_fence(std::memory_order_seq_cst);
    table()[ref].flags = flags;
}

abi::GnttabMapGrantRef map(u64 address, u32 ref, u32 flags, guest::Domid domid) {
    abi::GnttabMapGrantRef op{};
    op.host_addr = address;
    op.flags = flags;
    op.ref = {ref};
    op.dom = domid;
    op.status = 99;
    ok(guest::grant_table_op(abi::gnttabop::map_grant_ref, &op, 1), "map_grant_ref");
    return op;
}

i16 unmap(u64 address, abi::GrantHandle handle) {
    abi::GnttabUnmapGrantRef op{};
    op.host_addr = address;
    op.handle = handle;
    op.status = 99;
    ok(guest::grant_table_op(abi::gnttabop::unmap_grant_ref, &op, 1), "unmap_grant_ref");
    return op.status;
}

void status(i16 actual, i16 expected, std::string_view what) {
    if (actual != expected) { guest::print("got status {}, expected {}:\n", actual, expected); }
    check(actual == expected, what);
}

void test_mapping(TestMapping& mapping, void* page) {
    Mfn frame = guest::memory::mfn_of(page);
    guest::Domid me = own_domid();
    *static_cast<u32*>(page) = 0x600d;
    grant(test_ref, frame, gtf::permit_access);
    auto mapped = map(mapping.address(), test_ref, gntmap::host_map, me);
    status(mapped.status, gntst::okay, "a writable map");
    equal(mapped.dev_bus_addr, frame.value << 12, "gives the machine address");
    equal(table()[test_ref].flags, gtf::permit_access | gtf::reading | gtf::writing, "the entry says so");
    equal(*mapping.at<u32 volatile>(), 0x600d, "reads the page");
    *mapping.at<u32 volatile>() = 0xbeef;
    equal(*static_cast<u32 volatile*>(page), 0xbeef, "and writes it");
    equal(mapping.l1_entry() & (pte::frame_mask | pte::present | pte::writable), pt::entry(frame, pte::writable),
          "the page table says so");
    u64 second = mapping.address() + guest::page_size;
    auto again = map(second, test_ref, gntmap::host_map | gntmap::readonly, me);
    status(again.status, gntst::okay, "the same reference, read-only, a second time");
    check(again.handle.value != mapped.handle.value, "has a handle of its own");
    traps([&] { *reinterpret_cast<u32 volatile*>(second) = 1; }, guest::trap::page_fault, 3, "and cannot be written");
    status(unmap(second, mapped.handle), gntst::general_error, "a handle does not unmap another's address");
    status(unmap(mapping.address(), mapped.handle), gntst::okay, "unmap");
    equal(table()[test_ref].flags, gtf::permit_access | gtf::reading, "the entry is still read");
    traps([&] { (void)*mapping.at<u32 volatile>(); }, guest::trap::page_fault, 0, "the mapping is gone");
    status(unmap(mapping.address(), mapped.handle), gntst::bad_handle, "a second time");
    status(unmap(second, again.handle), gntst::okay, "unmap of the other");
    equal(table()[test_ref].flags, gtf::permit_access, "the entry is free");
    status(unmap(second, {0xffffffff}), gntst::bad_handle, "a handle that never was");
}

void test_by_entry(TestMapping& mapping, void* page) {
    guest::Domid me = own_domid();
    grant(test_ref, guest::memory::mfn_of(page), gtf::permit_access);
    auto mapped = map(mapping.l1_address(2), test_ref, gntmap::host_map | gntmap::contains_pte, me);
    status(mapped.status, gntst::okay, "a map by page-table entry");
    equal(mapping.l1_entry(2) & pte::frame_mask, guest::memory::mfn_of(page).value << 12, "writes it");
    status(unmap(mapping.l1_address(2), mapped.handle), gntst::okay, "unmap");
    equal(mapping.l1_entry(2), 0, "clears it");
    u32 avail = 1u << gntmap::guest_avail_shift;
    mapped = map(mapping.l1_address(2), test_ref, gntmap::host_map | gntmap::contains_pte | avail, me);
    equal(mapping.l1_entry(2) & 0xe00, 0x200, "with an available bit");
    status(unmap(mapping.l1_address(2), mapped.handle), gntst::okay, "unmap");
}

void test_map_refusals(TestMapping& mapping, void* page) {
    Mfn frame = guest::memory::mfn_of(page);
    guest::Domid me = own_domid();
    u64 address = mapping.address();
    grant(test_ref, frame, gtf::permit_access | gtf::readonly);
    status(map(address, test_ref, gntmap::host_map, me).status, gntst::general_error,
           "a writable map of a read-only grant");
    grant(test_ref, frame, gtf::invalid);
    status(map(address, test_ref, gntmap::host_map, me).status, gntst::general_error, "an entry that grants nothing");
    grant(test_ref, frame, gtf::permit_access);
    table()[test_ref].domid.value = 0x7000;
    status(map(address, test_ref, gntmap::host_map, me).status, gntst::general_error, "an entry for another domain");
    grant(test_ref, mapping.l1(), gtf::permit_access);
    status(map(address, test_ref, gntmap::host_map, me).status, gntst::general_error, "a writable map of a page table");
    equal(table()[test_ref].flags, gtf::permit_access, "leaves the entry free");
    grant(test_ref, frame, gtf::permit_access);
    status(map(address, test_ref, gntmap::host_map, {0x7000}).status, gntst::bad_domain,
           "a domain that does not exist");
    status(map(address, test_ref, gntmap::host_map, self).status, gntst::bad_domain, "a grant of DOMID_SELF");
    status(map(address, 100000, gntmap::host_map, me).status, gntst::bad_gntref, "a reference beyond the table");
    status(map(address, test_ref, 0, me).status, gntst::bad_gntref, "a map of no kind");
    status(map(0x5000000000, test_ref, gntmap::host_map, me).status, gntst::general_error,
           "an address without page tables");
    equal(table()[test_ref].flags, gtf::permit_access, "leaves the entry free");
    equal(mapping.l1_entry(), 0, "and nothing is mapped");
    table()[test_ref].flags = gtf::invalid;
}

abi::GnttabCopy copy_op(Mfn from, Mfn to, u16 from_offset, u16 to_offset, u16 length) {
    abi::GnttabCopy op{};
    op.source.u.gmfn.value = from.value;
    op.source.domid = self;
    op.source.offset = from_offset;
    op.dest.u.gmfn.value = to.value;
    op.dest.domid = self;
    op.dest.offset = to_offset;
    op.len = length;
    op.status = 99;
    return op;
}

i16 run(abi::GnttabCopy& op) {
    ok(guest::grant_table_op(abi::gnttabop::copy, &op, 1), "copy");
    return op.status;
}
i16 swap(u32 first, u32 second) {
    abi::GnttabSwapGrantRef op{};
    op.ref_a = {first};
    op.ref_b = {second};
    op.status = 99;
    ok(guest::grant_table_op(abi::gnttabop::swap_grant_ref, &op, 1), "swap_grant_ref");
    return op.status;
}

void test_swap(TestMapping& mapping, void* page) {
    Mfn frame = guest::memory::mfn_of(page);
    grant(test_ref, frame, gtf::permit_access);
    grant(test_ref + 1, Mfn{1}, gtf::permit_access | gtf::readonly);
    status(swap(test_ref, test_ref + 1), gntst::okay, "a swap of two references");
    equal(table()[test_ref + 1].frame, frame.value, "changes frames");
    equal(table()[test_ref].flags, gtf::permit_access | gtf::readonly, "and flags");
    auto mapped = map(mapping.address(), test_ref + 1, gntmap::host_map, own_domid());
    status(mapped.status, gntst::okay, "what was swapped can be mapped");
    status(swap(test_ref, test_ref + 1), gntst::eagain, "and not swapped while it is");
    status(swap(test_ref + 1, test_ref + 1), gntst::okay, "but with itself");
    equal(table()[test_ref + 1].frame, frame.value, "which changes nothing");
    status(unmap(mapping.address(), mapped.handle), gntst::okay, "unmap");
    status(swap(test_ref, 100000), gntst::bad_gntref, "a reference beyond the table");
    table()[test_ref].flags = gtf::invalid;
    table()[test_ref + 1].flags = gtf::invalid;
}

// As with Xen's option gnttab=max-ver:1.
void test_versions() {
    abi::GnttabSetVersion set{.version = 3};
    fails(guest::grant_table_op(abi::gnttabop::set_version, &set, 1), Errno::inval, "a third version");
    equal(set.version, 1, "it is told which one it is");
    ok(guest::grant_table_op(abi::gnttabop::set_version, &set, 1), "version 1");
    abi::GnttabGetVersion get{.dom = self, .pad = 0, .version = 0};
    ok(guest::grant_table_op(abi::gnttabop::get_version, &get, 1), "get_version");
    equal(get.version, 1, "it is that");
    get.dom = {0x7000};
    fails(guest::grant_table_op(abi::gnttabop::get_version, &get, 1), Errno::srch, "of no domain");
    u64 frame = 0;
    abi::GnttabGetStatusFrames frames{
        .nr_frames = 1, .dom = self, .status = 99, .frame_list = guest::pointer_to(&frame)};
    ok(guest::grant_table_op(abi::gnttabop::get_status_frames, &frames, 1), "get_status_frames");
    status(frames.status, gntst::general_error, "there are none");
    frames.nr_frames = 0;
    ok(guest::grant_table_op(abi::gnttabop::get_status_frames, &frames, 1), "get_status_frames");
    status(frames.status, gntst::okay, "which is the right number");
    fails(guest::grant_table_op(abi::gnttabop::get_status_frames, &frames, 2), Errno::inval, "one at a time");
    fails(guest::grant_table_op(abi::gnttabop::copy, &frames, 0x80000000), Errno::inval, "a negative count");
}
}  // namespace

void test_grant_maps() {
    TestMapping mapping;
    void* page = guest::memory::allocate();
    abi::GnttabQuerySize size{};
    size.dom = self;
    (void)table();
    ok(guest::grant_table_op(abi::gnttabop::query_size, &size, 1), "query_size");
    status(size.status, gntst::okay, "status okay");
    check(size.nr_frames >= 1 && size.max_nr_frames >= size.nr_frames, "at least one frame");
    test_mapping(mapping, page);
    test_by_entry(mapping, page);
    test_map_refusals(mapping, page);
    test_swap(mapping, page);
    test_versions();
    abi::GnttabUnmapGrantRef none{};
    ok(guest::grant_table_op(abi::gnttabop::unmap_grant_ref, &none, 0), "an empty batch");
    fails(guest::grant_table_op(77, &none, 1), Errno::nosys, "an unknown operation");
    fails(guest::hypercall(abi::hypercall::grant_table_op, abi::gnttabop::map_grant_ref, 0x123000, 1), Errno::fault,
          "an unmapped batch");
    check(guest::page_table::set_read_only(page) == 0 && guest::page_table::set_writable(page) == 0,
          "the page has no reference left over");
    guest::memory::release(page);
}

void test_grant_copies() {
    auto* from = static_cast<u8*>(guest::memory::allocate());
    auto* to = static_cast<u8*>(guest::memory::allocate());
    Mfn source = guest::memory::mfn_of(from);
    Mfn dest = guest::memory::mfn_of(to);
    __builtin_memset(from, 0x5a, guest::page_size);
    auto op = copy_op(source, dest, 100, 200, 300);
    status(run(op), gntst::okay, "between frames of one's own");
    check(to[199] == 0 && to[200] == 0x5a && to[499] == 0x5a && to[500] == 0, "copies exactly the bytes");
    op = copy_op(source, dest, 4000, 0, 97);
    status(run(op), gntst::bad_copy_arg, "beyond the end of the source");
    op = copy_op(source, dest, 0, 4000, 97);
    status(run(op), gntst::bad_copy_arg, "beyond the end of the destination");
    op = copy_op(source, dest, 4000, 0, 96);
    status(run(op), gntst::okay, "up to the end");
    op = copy_op(source, guest::page_table::kernel_root(), 0, 0, 8);
    check(run(op) < 0, "a page table is not written");
    op = copy_op(source, Mfn{u64{1} << 36}, 0, 0, 8);
    check(run(op) < 0, "nor a frame that does not exist");

    op = copy_op(source, dest, 4000, 0, 97);
    op.source.domid = own_domid();
    status(run(op), gntst::permission_denied, "a frame of a domain by its number, before the bounds");

    grant(test_ref, dest, gtf::permit_access);
    op = copy_op(source, dest, 0, 1000, 10);
    op.dest.u.raw = test_ref;
    op.dest.domid = own_domid();
    op.flags = abi::gntcopy::dest_gref;
    status(run(op), gntst::okay, "to a granted page");
    check(to[1000] == 0x5a && to[1009] == 0x5a && to[1010] == 0, "copies exactly the bytes");
    equal(table()[test_ref].flags, gtf::permit_access, "and leaves the entry free");
    grant(test_ref, dest, gtf::permit_access | gtf::readonly);
    status(run(op), gntst::general_error, "to a page granted read-only");
    op = copy_op(source, dest, 0, 2000, 10);
    op.source.u.raw = test_ref;
    op.source.domid = own_domid();
    op.flags = abi::gntcopy::source_gref;
    status(run(op), gntst::okay, "from it");
    op.source.domid = self;
    status(run(op), gntst::okay, "which may be DOMID_SELF's");
    table()[test_ref].flags = gtf::invalid;
    status(run(op), gntst::general_error, "from an entry that grants nothing");
    guest::memory::release(from);
    guest::memory::release(to);
}
}  // namespace selftest
