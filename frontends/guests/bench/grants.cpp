// SPDX-License-Identifier: MIT
// Grants to oneself: copied, and mapped.
#include "grants.hpp"

#include "runtime/grant.hpp"
#include "runtime/guest.hpp"
#include "runtime/memory.hpp"
#include "runtime/page_table.hpp"

namespace bench {
namespace {
constexpr u64 map_address = 0xffff960000200000;  // tables of its own

void measure_copies() {
    prepare_copies(abi::domid_self);
    set_copy_length(guest::page_size);
    require_copies("a grant copy");
    measure({"grant_copy_4k_x32_per_op", 16, batch}, [] { copy(); });
    set_copy_length(64);
    measure({"grant_copy_64b_x32_per_op", 16, batch}, [] { copy(); });
    set_copy_length(61);
    for (abi::GnttabCopy& op : copies) { op.source.offset = 3; }
    measure({"grant_copy_61b_x32_per_op", 16, batch}, [] { copy(); });
    for (u32 i = 0; i < batch; ++i) {
        copies[i].dest.u.raw = first_ref + (i + 1) % batch;
        copies[i].flags = abi::gntcopy::source_gref | abi::gntcopy::dest_gref;
    }
    require_copies("a copy between grants");
    measure({"grant_copy_grant_to_grant_x32_per_op", 16, batch}, [] { copy(); });
    // Pieces of one page, as a network backend copies a packet.
    for (abi::GnttabCopy& op : copies) { op = copies[0]; }
    measure({"grant_copy_same_grants_x32_per_op", 16, batch}, [] { copy(); });
}

void measure_maps() {
    namespace pt = guest::page_table;
    prepare_maps(guest::own_domid(), map_address);
    require_maps("a grant is mapped");
    measure({"grant_map_unmap_x1_per_pair"}, [] { map_and_unmap(1); });
    measure({"grant_map_unmap_x32_per_pair", 16, batch}, [] { map_and_unmap(batch); });
    for (abi::GnttabMapGrantRef& op : maps) { op.flags |= abi::gntmap::readonly; }
    measure({"grant_map_unmap_readonly_x32_per_pair", 16, batch}, [] { map_and_unmap(batch); });
    u64 const table = pt::l1_entry_address(pt::kernel_root(), map_address);
    for (u32 i = 0; i < batch; ++i) {
        maps[i].flags = abi::gntmap::host_map | abi::gntmap::contains_pte;
        maps[i].host_addr = unmaps[i].host_addr = table + i * 8;
    }
    require_maps("a grant by its entry");
    measure({"grant_map_unmap_by_entry_x1_per_pair"}, [] { map_and_unmap(1); });
    measure({"grant_map_unmap_by_entry_x32_per_pair", 16, batch}, [] { map_and_unmap(batch); });
}

void measure_questions() {
    static constinit abi::GnttabQuerySize size{};
    size.dom = abi::domid_self;
    measure({"grant_query_size"}, [] { (void)guest::grant_table_op(abi::gnttabop::query_size, &size, 1); });
    static constinit abi::GnttabGetVersion version{};
    version.dom = abi::domid_self;
    measure({"grant_get_version"}, [] { (void)guest::grant_table_op(abi::gnttabop::get_version, &version, 1); });
    static constinit abi::GnttabSwapGrantRef swap{};
    swap.ref_a = {first_ref};
    swap.ref_b = {first_ref + 1};
    measure({"grant_swap_grant_ref"}, [] { (void)guest::grant_table_op(abi::gnttabop::swap_grant_ref, &swap, 1); });
}
}  // namespace

void permit_pages(guest::Domid to) {
    for (u32 i = 0; i < batch; ++i) {
        Mfn const frame = guest::memory::mfn_of(guest::memory::allocate());
        guest::grant::permit(first_ref + i, to, frame, abi::gtf::permit_access);
    }
}

void prepare_copies(guest::Domid owner) {
    for (u32 i = 0; i < batch; ++i) {
        abi::GnttabCopy& op = copies[i];
        op = {};
        op.source.u.ref = {first_ref + i};
        op.source.domid = owner;
        op.dest.domid = abi::domid_self;
        op.dest.u.gmfn = {guest::memory::mfn_of(guest::memory::allocate()).value};
        op.flags = abi::gntcopy::source_gref;
    }
}

void set_copy_length(guest::u16 bytes) {
    for (abi::GnttabCopy& op : copies) { op.len = bytes; }
}

void prepare_maps(guest::Domid owner, u64 address) {
    namespace pt = guest::page_table;
    require(pt::map(pt::kernel_root(), address, 0), "tables for mapped grants");
    for (u32 i = 0; i < batch; ++i) {
        maps[i] = {};
        unmaps[i] = {};
        maps[i].host_addr = unmaps[i].host_addr = address + i * guest::page_size;
        maps[i].flags = abi::gntmap::host_map;
        maps[i].ref = {first_ref + i};
        maps[i].dom = owner;
    }
}

void require_copies(std::string_view what) {
    copy();
    require(copies.front().status == abi::gntst::okay && copies.back().status == abi::gntst::okay, what);
}

void require_maps(std::string_view what) {
    map_and_unmap(batch);
    require(maps.front().status == abi::gntst::okay && unmaps.back().status == abi::gntst::okay, what);
}

void measure_grants() {
    permit_pages(guest::own_domid());
    measure_copies();
    measure_maps();
    measure_questions();
}
}  // namespace bench
