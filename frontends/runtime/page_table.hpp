// SPDX-License-Identifier: MIT
// Page tables, as a PV guest handles them: read directly, written through the hypervisor.
#pragma once
#include "portable/base/pte.hpp"
#include "runtime/hypercall.hpp"

namespace guest {
namespace pte {
inline constexpr u64 present = hv::Pte::present;
inline constexpr u64 writable = hv::Pte::writable;
inline constexpr u64 user = hv::Pte::user;
inline constexpr u64 write_through = hv::Pte::write_through;
inline constexpr u64 cache_disable = hv::Pte::cache_disable;
inline constexpr u64 accessed = hv::Pte::accessed;
inline constexpr u64 dirty = hv::Pte::dirty;
inline constexpr u64 page_size = hv::Pte::page_size_or_pat;
inline constexpr u64 global = hv::Pte::global;
inline constexpr u64 no_execute = hv::Pte::no_execute;
inline constexpr u64 frame_mask = hv::Pte::address;
inline constexpr u64 read_only = present | user | accessed;
inline constexpr u64 read_write = read_only | writable | dirty;
}  // namespace pte

namespace page_table {
constexpr u64 entry(Mfn frame, u64 flags) { return frame.value << abi::page_shift | flags | pte::present; }
constexpr Mfn frame_of(u64 entry) { return Mfn{(entry & pte::frame_mask) >> abi::page_shift}; }
constexpr unsigned slot(u64 address, unsigned level) { return (address >> (3 + 9 * level)) & 511; }

// The kernel's root, as start_info named it.
Mfn kernel_root();
void set_kernel_root(Mfn root);

// A table of this guest, to be read.
u64 const* table(Mfn frame);

// Machine address of an entry, as mmu_update wants it.
constexpr u64 entry_address(Mfn table, unsigned slot) { return table.value << abi::page_shift | slot * 8; }

// The table of the given level that serves an address below a root; mfn 0 if there is none.
Mfn walk(Mfn root, u64 address, unsigned level);

// The machine address of the L1 entry for an address below a root; 0 if there is no such table.
u64 l1_entry_address(Mfn root, u64 address);

// The L1 entry itself; 0 if there is none.
u64 lookup(Mfn root, u64 address);

// Writes an L1 entry, making tables as needed. False if the hypervisor refuses.
bool map(Mfn root, u64 address, u64 entry);
bool clear(Mfn root, u64 address);
bool write(u64 entry_address, u64 entry);

// An empty table of the level: its linear mapping becomes read-only, and an L4 is pinned.
Mfn make_table(unsigned level);

// Unpins a root made by make_table, and gives its tables back to the allocator. Frames it maps are left alone.
void drop_tree(Mfn root);

// Changes the linear mapping of a page of ours.
i64 set_read_only(void* page);
i64 set_writable(void* page);

i64 pin(unsigned level, Mfn table);
i64 unpin(Mfn table);
}  // namespace page_table
}  // namespace guest
