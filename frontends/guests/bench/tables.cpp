// SPDX-License-Identifier: MIT
// Page-table updates by hypercall, on an L1 of the guest's own below an address that nothing else uses.
#include "tables.hpp"

#include "runtime/memory.hpp"

namespace bench {
namespace {
namespace hc = abi::hypercall;
namespace pt = guest::page_table;
namespace pte = guest::pte;

constexpr u64 test_address = 0xffff960000000000;

constinit u64 first, first_read_only, second;  // entries
constinit u64 l1_address;                      // machine address of the L1's first entry
constinit abi::MmuUpdate requests[512];

void write_entries(u32 count, u64 value) {
    for (u32 i = 0; i < count; ++i) { requests[i] = {l1_address + 8 * i, value}; }
    (void)guest::mmu_update(requests, count);
}

// Two rows of the same update. Xen's figure in the list of budgets comes out when entries change with the first call of
// a round and stay for the others; in the row called _changed each call changes them.
template <class Update>
void measure_update(Row const& row, std::string_view changed, u64 other, Update update) {
    write_entries(256, first);
    u32 calls = 0;
    measure(row, [&] { update((calls++ / row.times & 1) != 0 ? first : other); });
    write_entries(256, first);
    measure({changed, row.times, row.per}, [&] { update((calls++ & 1) != 0 ? first : other); });
    write_entries(256, first);
}

template <u32 count>
void write(u64 value) {
    write_entries(count, value);
}

void measure_updates() {
    measure_update({"update_va_mapping_flags_only"}, "update_va_mapping_flags_only_changed", first_read_only,
                   [](u64 value) { (void)guest::update_va_mapping(test_address, value); });
    measure_update({"mmu_update_x1_flags_only"}, "mmu_update_x1_flags_only_changed", first_read_only, write<1>);
    measure_update({"mmu_update_x32_flags_only_per_pte", 64, 32}, "mmu_update_x32_flags_only_per_pte_changed",
                   first_read_only, write<32>);
    measure_update({"mmu_update_x256_flags_only_per_pte", 64, 256}, "mmu_update_x256_flags_only_per_pte_changed",
                   first_read_only, write<256>);
    measure_update({"mmu_update_x256_remap_per_pte", 64, 256}, "mmu_update_x256_remap_per_pte_changed", second,
                   write<256>);
    measure_update({"mmu_update_x1_remap"}, "mmu_update_x1_remap_changed", second, write<1>);
}

// Each entry goes to 0 and back within one call.
void unmap_then_map() {
    for (u32 i = 0; i < 256; ++i) {
        requests[2 * i] = {l1_address + 8 * i, 0};
        requests[2 * i + 1] = {l1_address + 8 * i, first};
    }
    (void)guest::mmu_update(requests, 512);
}

void measure_multicall() {
    static constinit abi::MulticallEntry entries[32]{};
    for (u32 i = 0; i < 32; ++i) {
        entries[i].op = hc::update_va_mapping;
        entries[i].args[0] = test_address + i * guest::page_size;
        entries[i].args[1] = l1_of_test()[i];
    }
    measure({"multicall32_update_va_mapping_per_pte", 16, 32}, [] { (void)guest::multicall(entries, 32); });
}

// A table that maps one frame 512 times, writable, and is in use nowhere.
void measure_pinning() {
    auto* entries = static_cast<u64*>(guest::memory::allocate());
    for (u32 i = 0; i < 512; ++i) { entries[i] = first; }
    require(pt::set_read_only(entries) == 0, "a table becomes read-only");
    static constinit Mfn table{};
    table = guest::memory::mfn_of(entries);
    require(pt::pin(1, table) == 0 && pt::unpin(table) == 0, "a full L1 is pinned and unpinned");
    measure({"pin_unpin_full_l1_per_pte", 16, 512}, [] {
        (void)pt::pin(1, table);
        (void)pt::unpin(table);
    });
}

void measure_flushes() {
    static constinit abi::MmuextOp op{};
    op.cmd = abi::mmuext::tlb_flush_local;
    measure({"tlb_flush_local"}, [] { (void)guest::mmuext_op(&op, 1); });
    op.cmd = abi::mmuext::invlpg_local;
    op.arg1.linear_addr = {address_of(&op)};
    measure({"invlpg_local"}, [] { (void)guest::mmuext_op(&op, 1); });
}
}  // namespace

u64 volatile* l1_of_test() { return const_cast<u64*>(pt::table(pt::walk(pt::kernel_root(), test_address, 1))); }
u64 entry_of_test() { return first; }

void measure_tables() {
    first = pt::entry(guest::memory::mfn_of(guest::memory::allocate()), pte::read_write);
    first_read_only = first & ~pte::writable;
    second = pt::entry(guest::memory::mfn_of(guest::memory::allocate()), pte::read_write);
    require(pt::map(pt::kernel_root(), test_address, first), "the test address is mapped");
    l1_address = pt::l1_entry_address(pt::kernel_root(), test_address);
    measure_updates();
    measure({"mmu_update_x256_unmap_then_map_per_pair", 8, 256}, unmap_then_map);
    measure_multicall();
    measure_pinning();
    measure_flushes();
}
}  // namespace bench
