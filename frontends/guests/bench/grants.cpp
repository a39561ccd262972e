// SPDX-License-Identifier: MIT
// Grants to oneself: copied, and mapped.
#include "runtime/grant.hpp"

#include "measure.hpp"
#include "runtime/memory.hpp"
#include "runtime/page_table.hpp"

namespace bench {
namespace {
constexpr u32 batch = 32;
constexpr u32 first_ref = 64;
constexpr u64 map_address = 0xffff960000200000;  // tables of its own

constinit abi::GnttabCopy copies[batch]{};
constinit abi::GnttabMapGrantRef maps[batch]{};
constinit abi::GnttabUnmapGrantRef unmaps[batch]{};

void measure_copies() {
    for (u32 i = 0; i < batch; ++i) {
        abi::GnttabCopy& op = copies[i];
        op.source.u.ref = {first_ref + i};
        op.source.domid = op.dest.domid = abi::domid_self;
        op.dest.u.gmfn = {guest::memory::mfn_of(guest::memory::allocate()).value};
        op.flags = abi::gntcopy::source_gref;
    }
    auto copy = [] { (void)guest::grant_table_op(abi::gnttabop::copy, copies, batch); };
    auto set_length = [](guest::u16 bytes) {
        for (abi::GnttabCopy& op : copies) { op.len = bytes; }
    };
    set_length(guest::page_size);
    copy();
    require(copies[0].status == abi::gntst::okay && copies[batch - 1].status == abi::gntst::okay, "a grant copy");
    measure({"grant_copy_4k_x32_per_op", 16, batch}, copy);
    set_length(64);
    measure({"grant_copy_64b_x32_per_op", 16, batch}, copy);
    set_length(61);
    for (abi::GnttabCopy& op : copies) { op.source.offset = 3; }
    measure({"grant_copy_61b_x32_per_op", 16, batch}, copy);
    for (u32 i = 0; i < batch; ++i) {
        copies[i].dest.u.raw = first_ref + (i + 1) % batch;
        copies[i].flags = abi::gntcopy::source_gref | abi::gntcopy::dest_gref;
    }
    copy();
    require(copies[0].status == abi::gntst::okay, "a copy between grants");
    measure({"grant_copy_grant_to_grant_x32_per_op", 16, batch}, copy);
    // Pieces of one page, as a network backend copies a packet.
    for (abi::GnttabCopy& op : copies) { op = copies[0]; }
    measure({"grant_copy_same_grants_x32_per_op", 16, batch}, copy);
}

void map_and_unmap(u32 count) {
    (void)guest::grant_table_op(abi::gnttabop::map_grant_ref, maps, count);
    for (u32 i = 0; i < count; ++i) { unmaps[i].handle = maps[i].handle; }
    (void)guest::grant_table_op(abi::gnttabop::unmap_grant_ref, unmaps, count);
}

void measure_maps() {
    namespace pt = guest::page_table;
    require(pt::map(pt::kernel_root(), map_address, 0), "tables for mapped grants");
    for (u32 i = 0; i < batch; ++i) {
        maps[i].host_addr = unmaps[i].host_addr = map_address + i * guest::page_size;
        maps[i].flags = abi::gntmap::host_map;
        maps[i].ref = {first_ref + i};
        maps[i].dom = guest::own_domid();
    }
    map_and_unmap(batch);
    require(maps[0].status == abi::gntst::okay && unmaps[batch - 1].status == abi::gntst::okay, "a grant is mapped");
    measure({"grant_map_unmap_x1_per_pair"}, [] { map_and_unmap(1); });
    measure({"grant_map_unmap_x32_per_pair", 16, batch}, [] { map_and_unmap(batch); });
    for (abi::GnttabMapGrantRef& op : maps) { op.flags |= abi::gntmap::readonly; }
    measure({"grant_map_unmap_readonly_x32_per_pair", 16, batch}, [] { map_and_unmap(batch); });
    u64 const table = pt::l1_entry_address(pt::kernel_root(), map_address);
    for (u32 i = 0; i < batch; ++i) {
        maps[i].flags = abi::gntmap::host_map | abi::gntmap::contains_pte;
        maps[i].host_addr = unmaps[i].host_addr = table + i * 8;
    }
    map_and_unmap(batch);
    require(maps[0].status == abi::gntst::okay && unmaps[batch - 1].status == abi::gntst::okay, "a grant by its entry");
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

void measure_grants() {
    for (u32 i = 0; i < batch; ++i) {
        guest::grant::permit(first_ref + i, guest::own_domid(), guest::memory::mfn_of(guest::memory::allocate()),
                             abi::gtf::permit_access);
    }
    measure_copies();
    measure_maps();
    measure_questions();
}
}  // namespace bench
