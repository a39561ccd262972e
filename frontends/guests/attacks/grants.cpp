// SPDX-License-Identifier: MIT
// Grants: what is not granted, unmapping what is not one's own, copies over page ends, page tables as memory.
#include "grant_calls.hpp"

#include <array>

namespace attacks {
namespace {
namespace pt = guest::page_table;
namespace pte = guest::pte;
namespace gtf = abi::gtf;
namespace gntst = abi::gntst;
using guest::i16;

constexpr u32 ref = 50;

void need_tables() { expect(pt::map(pt::kernel_root(), test_address, 0), "tables for the test address"); }
void grant(Page const& page, u16 flags = gtf::permit_access) {
    guest::grant::permit(ref, guest::own_domid(), page.frame(), flags);
}
void end_grant() { guest::grant::entries()[ref].flags = 0; }

void unmapping() {
    Page page, other;
    need_tables();
    grant(page);
    guest::grant::permit(ref + 1, guest::own_domid(), other.frame(), gtf::permit_access);
    auto first = map_grant(ref);
    auto second = map_grant(ref + 1, test_address + guest::page_size);
    expect(first.status == gntst::okay && second.status == gntst::okay, "two mappings");
    u64 entry = entry_of_test(1);
    expect(unmap_grant(second.handle) != gntst::okay, "another mapping's handle");
    expect(entry_of_test(1) == entry, "the mapping is as it was");
    for (u32 handle : {0x7fffffffu, 0xffffffffu, 1u << 20, 12345u}) {
        expect(unmap_grant({handle}) != gntst::okay, "a handle that never was");
    }
    expect(unmap_grant(first.handle) == gntst::okay, "unmap");
    expect(unmap_grant(first.handle) != gntst::okay, "a second time");
    expect((guest::grant::entries()[ref].flags & (gtf::reading | gtf::writing)) == 0, "it is mapped no more");
    expect((guest::grant::entries()[ref + 1].flags & gtf::writing) != 0, "the other one is");
    expect(unmap_grant(second.handle, test_address + guest::page_size) == gntst::okay, "until it is unmapped");
    // The entry is changed behind the grant's back: it is then not the grant's to unmap.
    auto third = map_grant(ref);
    accepted(write_entry(place_of_test(1), other.writable()), "the entry is overwritten");
    expect(unmap_grant(third.handle) != gntst::okay, "an entry that maps another frame");
    expect((entry_of_test(1) & pte::frame_mask) == other.frame().value << 12, "stays");
    accepted(write_entry(place_of_test(1), page.writable()), "the entry is put back");
    expect(unmap_grant(third.handle) == gntst::okay, "and can be unmapped");
    end_grant();
    guest::grant::entries()[ref + 1].flags = 0;
}

i16 replace(u64 address, u64 other, abi::GrantHandle handle) {
    abi::GnttabUnmapAndReplace op{};
    op.host_addr = address;
    op.new_addr = other;
    op.handle = handle;
    op.status = untouched;
    (void)guest::grant_table_op(abi::gnttabop::unmap_and_replace, &op, 1);
    return op.status;
}

// A mapping is replaced by what another address maps: not by what is the hypervisor's, nor twice, nor by itself.
void replacing() {
    Page page, other;
    need_tables();
    grant(page);
    u64 const second = test_address + guest::page_size;
    auto mapped = map_grant(ref);
    expect(mapped.status == gntst::okay, "a mapping");
    u64 const entry = entry_of_test(1);
    for (u64 bad : {abi::hypervisor_virt_start, u64{0xffff830000000000}, u64{1} << 47, u64{0x5000000000}, ~u64{0}}) {
        expect(replace(test_address, bad, mapped.handle) != gntst::okay, "replaced by what is not there");
        expect(entry_of_test(1) == entry, "the mapping is as it was");
        expect(replace(bad, second, mapped.handle) != gntst::okay, "replaced where it is not");
    }
    accepted(write_entry(place_of_test(1) + 8, other.writable()), "another mapping");
    expect(replace(test_address, second, abi::GrantHandle{mapped.handle.value + 1}) != gntst::okay,
           "by a handle that is not its own");
    accepted(write_entry(place_of_test(1) + 8, other.writable()), "once more");
    expect(replace(test_address, second, mapped.handle) == gntst::okay, "it is replaced");
    expect((entry_of_test(1) & pte::frame_mask) == other.frame().value << 12, "by the other mapping");
    expect(pt::table(table_of_test(1))[1] == 0, "which is there no longer");
    expect(replace(test_address, second, mapped.handle) != gntst::okay, "and not twice");
    expect((guest::grant::entries()[ref].flags & (gtf::reading | gtf::writing)) == 0, "it is mapped no more");
    accepted(write_entry(place_of_test(1), 0), "unmapped");
    end_grant();
    for (Page const* each : {&page, &other}) {
        accepted(pt::set_read_only(each->memory()), "no writable mapping is left over");
        accepted(pt::pin(1, each->frame()), "which a pin would not bear");
        accepted(pt::unpin(each->frame()), "unpin");
    }
}

void what_is_not_granted() {
    Page page;
    need_tables();
    grant(page, gtf::permit_access | gtf::readonly);
    expect(map_grant(ref).status != gntst::okay, "a read-only grant is mapped writable");
    guest::grant::permit(ref, guest::Domid{7777}, page.frame(), gtf::permit_access);
    expect(map_grant(ref).status != gntst::okay, "another domain's grant");
    for (u16 flags : {gtf::invalid, gtf::accept_transfer, gtf::transitive}) {
        grant(page, flags);
        expect(map_grant(ref).status != gntst::okay, "no grant of access");
    }
    for (u32 reference : {511u, 512u, 1u << 15, 1u << 31, 0xffffffffu}) {
        expect(map_grant(reference).status != gntst::okay, "no such reference");
    }
    for (u16 domid : {u16{0}, u16{1}, u16{9999}, u16{0x7ff1}, u16{0x7ff2}, u16{0x7ff4}, u16{0xffff}}) {
        if (domid != guest::own_domid().value) {
            for (u32 reference = 0; reference < 64; ++reference) {
                expect(map_grant(reference, test_address, abi::gntmap::host_map, guest::Domid{domid}).status !=
                           gntst::okay,
                       "a grant of a domain that gave none");
            }
        }
    }
    expect(entry_of_test(1) == 0, "nothing is mapped");
    end_grant();
}

void where_it_must_not_go() {
    Page page;
    need_tables();
    grant(page);
    for (u64 address :
         {abi::hypervisor_virt_start, u64{0xffff830000000000}, u64{1} << 47, u64{0x5000000000}, ~u64{0}}) {
        expect(map_grant(ref, address).status != gntst::okay, "a grant at a forbidden address");
    }
    u32 by_entry = abi::gntmap::host_map | abi::gntmap::contains_pte;
    u64 l2 = pt::entry_address(table_of_test(2), 100);
    u64 hypervisor_slot = pt::entry_address(pt::kernel_root(), abi::first_hypervisor_l4_slot);
    u64 const root_entry = pt::table(pt::kernel_root())[abi::first_hypervisor_l4_slot];
    for (u64 place : {l2, hypervisor_slot, pt::entry_address(page.frame(), 0), u64{0x1000}, u64{1} << 51,
                      place_of_test(1) + 4, ~u64{7}}) {
        expect(map_grant(ref, place, by_entry).status != gntst::okay,
               "a grant into what is no L1 entry of the guest's");
    }
    // Any frame but the guest's own might hold page tables of the witness's or of dom0's.
    for (u64 mfn = 0; mfn < 0x20000; mfn += 5) {
        if (!is_mine(mfn)) {
            expect(map_grant(ref, mfn << abi::page_shift, by_entry).status != gntst::okay,
                   "a grant into another's table");
        }
    }
    expect(pt::table(table_of_test(2))[100] == 0, "the level-2 table is as it was");
    expect(pt::table(pt::kernel_root())[abi::first_hypervisor_l4_slot] == root_entry, "the root, too");
    for (u32 word = 0; word < 512; ++word) { expect(page.as()[word] == 0, "nothing was written to the page"); }
    expect((guest::grant::entries()[ref].flags & (gtf::reading | gtf::writing)) == 0, "nobody uses the grant");
    end_grant();
    accepted(pt::set_read_only(page.memory()), "no writable mapping is left over");
    accepted(pt::pin(1, page.frame()), "which a pin would not bear");
    accepted(pt::unpin(page.frame()), "unpin");
}

void page_tables_as_grants() {
    need_tables();
    for (unsigned level = 1; level <= 4; ++level) {
        guest::grant::permit(ref, guest::own_domid(), table_of_test(level), gtf::permit_access);
        expect(map_grant(ref).status != gntst::okay, "a page table is mapped writable by its grant");
    }
    // And the other way about: a page that is mapped writable by its grant does not become a table.
    Page page;
    grant(page);
    auto mapped = map_grant(ref);
    expect(mapped.status == gntst::okay, "a page is mapped");
    page.protect();
    refused(pt::pin(1, page.frame()), "a page with a writable grant mapping is pinned");
    refused(write_entry(place_of_test(2) + 8, pt::entry(page.frame(), pte::read_write)), "or used as a table");
    expect(unmap_grant(mapped.handle) == gntst::okay, "unmap");
    accepted(pt::pin(1, page.frame()), "afterwards it may");
    accepted(pt::unpin(page.frame()), "unpin");
    end_grant();
}

i16 copy(abi::GnttabCopyPtr source, abi::GnttabCopyPtr destination, u16 length, u16 flags) {
    abi::GnttabCopy op{};
    op.source = source;
    op.dest = destination;
    op.len = length;
    op.flags = flags;
    op.status = untouched;
    (void)guest::grant_table_op(abi::gnttabop::copy, &op, 1);
    return op.status;
}

abi::GnttabCopyPtr frame_at(Mfn frame, u16 offset, guest::Domid domid = abi::domid_self) {
    abi::GnttabCopyPtr pointer{};
    pointer.u.gmfn = {frame.value};
    pointer.domid = domid;
    pointer.offset = offset;
    return pointer;
}

void copies() {
    Page source, destination;
    __builtin_memset(source.memory(), 0x5a, guest::page_size);
    for (auto [offset, length] : {std::array<u16, 2>{4000, 97},
                                  {1, 4096},
                                  {4095, 2},
                                  {0xffff, 1},
                                  {0xffff, 0xffff},
                                  {4096, 1},
                                  {0, 4097},
                                  {8, 0xfff9}}) {
        expect(copy(frame_at(source.frame(), 0), frame_at(destination.frame(), offset), length, 0) != gntst::okay,
               "a copy beyond the destination's end");
        expect(copy(frame_at(source.frame(), offset), frame_at(destination.frame(), 0), length, 0) != gntst::okay,
               "a copy beyond the source's end");
    }
    for (u32 word = 0; word < 512; ++word) { expect(destination.as()[word] == 0, "nothing was copied"); }
    Mfn root = pt::kernel_root();
    u64 before = static_cast<u64 const volatile*>(pt::table(root))[7];
    expect(copy(frame_at(source.frame(), 0), frame_at(root, 56), 8, 0) != gntst::okay, "a copy into a page table");
    expect(static_cast<u64 const volatile*>(pt::table(root))[7] == before, "which is as it was");
    expect(copy(frame_at(source.frame(), 0), frame_at(destination.frame(), 0, abi::dom0), 8, 0) != gntst::okay,
           "a copy to a frame of dom0 that was not granted");
    expect(copy(frame_at(Mfn{u64{1} << 40}, 0), frame_at(destination.frame(), 0), 8, 0) != gntst::okay,
           "from a frame that does not exist");
    for (u64 mfn = 0; mfn < 4096; mfn += 64) {
        (void)copy(frame_at(Mfn{mfn}, 0), frame_at(destination.frame(), 0), 8, 0);
        expect(destination.as()[0] == 0, "a frame of the hypervisor's was read");
    }
    // A grant may be narrower than its page only in version 2; a read-only one is no destination.
    grant(destination, gtf::permit_access | gtf::readonly);
    abi::GnttabCopyPtr granted{};
    granted.u.ref = {ref};
    granted.domid = guest::own_domid();
    expect(copy(frame_at(source.frame(), 0), granted, 8, abi::gntcopy::dest_gref) != gntst::okay,
           "a copy into a read-only grant");
    expect(destination.as()[0] == 0, "nothing was copied");
    end_grant();
}

void table_operations() {
    Mfn frames[64]{};
    for (u32 count : {65u, 4096u, 0x7fffffffu, 0x80000000u, 0xffffffffu}) {
        abi::GnttabSetupTable setup{.dom = abi::domid_self,
                                    .pad0 = 0,
                                    .nr_frames = count,
                                    .status = 0,
                                    .pad1 = {},
                                    .frame_list = {0x5000000000}};
        (void)guest::grant_table_op(abi::gnttabop::setup_table, &setup, 1);
        expect(setup.status != gntst::okay, "a grant table of absurd size");
    }
    abi::GnttabSetupTable other{.dom = abi::dom0,
                                .pad0 = 0,
                                .nr_frames = 1,
                                .status = 0,
                                .pad1 = {},
                                .frame_list = guest::pointer_to(&frames[0])};
    (void)guest::grant_table_op(abi::gnttabop::setup_table, &other, 1);
    expect(other.status != gntst::okay && frames[0].value == 0, "dom0's grant table");
    // The table's own frames are the hypervisor's: they are mapped, but never as page tables.
    abi::GnttabSetupTable mine{.dom = abi::domid_self,
                               .pad0 = 0,
                               .nr_frames = 1,
                               .status = 0,
                               .pad1 = {},
                               .frame_list = guest::pointer_to(&frames[0])};
    (void)guest::grant_table_op(abi::gnttabop::setup_table, &mine, 1);
    for (unsigned level = 1; level <= 4; ++level) {
        refused(pt::pin(level, frames[0]), "a frame of the grant table is pinned");
    }
}

constexpr std::array list{
    Attack{"grants.unmapping", unmapping},
    Attack{"grants.replacing", replacing},
    Attack{"grants.what_is_not_granted", what_is_not_granted},
    Attack{"grants.where_it_must_not_go", where_it_must_not_go},
    Attack{"grants.page_tables_as_grants", page_tables_as_grants},
    Attack{"grants.copies", copies},
    Attack{"grants.table_operations", table_operations},
};
}  // namespace

Topic grant_attacks() { return {list.begin(), list.end()}; }
}  // namespace attacks
