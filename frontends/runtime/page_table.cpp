// SPDX-License-Identifier: MIT
#include "runtime/page_table.hpp"

#include "runtime/memory.hpp"
#include "runtime/shutdown.hpp"

namespace guest::page_table {
namespace {
constinit Mfn root_of_kernel{0};

constexpr u32 first_hypervisor_slot = abi::first_hypervisor_l4_slot;
constexpr u32 last_hypervisor_slot = abi::last_hypervisor_l4_slot;

i64 simple_mmuext(u32 command, Mfn mfn) {
    abi::MmuextOp op{};
    op.cmd = command;
    op.arg1.mfn = mfn;
    return mmuext_op(&op, 1);
}

void release_table(Mfn mfn) {
    void* page = pointer_to(memory::machine_to_pfn(mfn));
    if (set_writable(page) != 0) { panic("a dropped page table does not become writable"); }
    memory::release(page);
}

void release_below(Mfn table_frame, unsigned level) {
    for (unsigned slot = 0; slot < 512; ++slot) {
        bool ours = level != 4 || slot < first_hypervisor_slot || slot > last_hypervisor_slot;
        u64 entry = table(table_frame)[slot];
        if (ours && (entry & pte::present) != 0) {
            if (level > 2) { release_below(frame_of(entry), level - 1); }
            release_table(frame_of(entry));
        }
    }
}
}  // namespace

Mfn kernel_root() { return root_of_kernel; }
void set_kernel_root(Mfn root) { root_of_kernel = root; }

u64 const* table(Mfn frame) { return pointer_to<u64 const>(memory::machine_to_pfn(frame)); }

Mfn walk(Mfn root, u64 address, unsigned level) {
    Mfn at = root;
    for (unsigned here = 4; here > level; --here) {
        u64 next = table(at)[slot(address, here)];
        if ((next & pte::present) == 0) { return Mfn{0}; }
        at = frame_of(next);
    }
    return at;
}

u64 l1_entry_address(Mfn root, u64 address) {
    Mfn l1 = walk(root, address, 1);
    return l1.value == 0 ? 0 : entry_address(l1, slot(address, 1));
}

u64 lookup(Mfn root, u64 address) {
    Mfn l1 = walk(root, address, 1);
    return l1.value == 0 ? 0 : table(l1)[slot(address, 1)];
}

bool write(u64 where, u64 value) {
    abi::MmuUpdate update{.ptr = where | abi::mmu::normal_pt_update, .val = value};
    return mmu_update(&update, 1) == 0;
}

bool map(Mfn root, u64 address, u64 value) {
    Mfn at = root;
    for (unsigned level = 4; level > 1; --level) {
        u64 next = table(at)[slot(address, level)];
        if ((next & pte::present) == 0) {
            next = entry(make_table(level - 1), pte::read_write);
            if (!write(entry_address(at, slot(address, level)), next)) {
                release_table(frame_of(next));
                return false;
            }
        }
        at = frame_of(next);
    }
    return write(entry_address(at, slot(address, 1)), value);
}

bool clear(Mfn root, u64 address) {
    u64 where = l1_entry_address(root, address);
    return where == 0 || write(where, 0);
}

Mfn make_table(unsigned level) {
    void* page = memory::allocate();
    Mfn mfn = memory::mfn_of(page);
    if (set_read_only(page) != 0) { panic("a page does not become read-only"); }
    if (level == 4 && pin(4, mfn) != 0) { panic("an empty L4 table cannot be pinned"); }
    return mfn;
}

void drop_tree(Mfn root) {
    if (unpin(root) != 0) { panic("a root of ours cannot be unpinned"); }
    release_below(root, 4);
    release_table(root);
}

i64 set_read_only(void* page) {
    return update_va_mapping(address_of(page), entry(memory::mfn_of(page), pte::read_only));
}

i64 set_writable(void* page) {
    return update_va_mapping(address_of(page), entry(memory::mfn_of(page), pte::read_write));
}

i64 pin(unsigned level, Mfn table_frame) { return simple_mmuext(abi::mmuext::pin_l1_table + level - 1, table_frame); }

i64 unpin(Mfn table_frame) { return simple_mmuext(abi::mmuext::unpin_table, table_frame); }
}  // namespace guest::page_table
