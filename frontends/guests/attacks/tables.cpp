// SPDX-License-Identifier: MIT
// Page tables: bits that no entry may have, the hypervisor's slots, tables that name themselves, frames used as two
// things.
#include <array>
#include <atomic>

#include "attack.hpp"

namespace attacks {
namespace {
namespace pt = guest::page_table;
namespace pte = guest::pte;
using abi::Pfn;

constexpr u64 large = u64{1} << 7;

// A data page at the test address, and its tables.
struct Mapped {
    Page page;
    Mapped() { expect(pt::map(pt::kernel_root(), test_address, page.writable()), "the test address is mapped"); }
    ~Mapped() { expect(pt::clear(pt::kernel_root(), test_address), "and unmapped"); }
};

void entry_stays(unsigned level, u64 value, std::string_view what) {
    u64 before = entry_of_test(level);
    refused(write_entry(place_of_test(level), value), what);
    expect(entry_of_test(level) == before, "the entry is as it was");
}

void forbidden_bits() {
    Mapped mapped;
    mapped.page.words()[0] = 0x1234;
    for (unsigned level = 1; level <= 4; ++level) {
        u64 entry = entry_of_test(level);
        entry_stays(level, entry | large, level > 1 ? "a superpage" : "another memory type");
        for (u64 type : {pte::write_through, pte::cache_disable}) {
            entry_stays(level, entry | type, "memory that is not cached as RAM is");
        }
        for (unsigned bit = 40; bit < 52; ++bit) { entry_stays(level, entry | u64{1} << bit, "a frame beyond memory"); }
    }
    expect(*reinterpret_cast<u64 volatile*>(test_address) == 0x1234, "the mapping works");
}

// A table made beforehand is validated as a whole: the forbidden entry stands in it when it is pinned.
void forbidden_bits_in_new_tables() {
    Page child;
    child.protect();
    for (unsigned level = 2; level <= 4; ++level) {
        Page table;
        table.words()[7] = pt::entry(child.frame(), pte::read_write) | large;
        table.protect();
        refused(pt::pin(level, table.frame()), "a table with a superpage is pinned");
        accepted(pt::set_writable(table.memory()), "it is still an ordinary page");
        table.words()[7] = 0;
    }
    Page table;
    for (u64 bad : {u64{1} << 45 | 1, u64{1} << 51 | 1}) {
        table.words()[7] = bad;
        accepted(pt::set_read_only(table.memory()), "read-only");
        refused(pt::pin(1, table.frame()), "a table with a frame beyond memory is pinned");
        accepted(pt::set_writable(table.memory()), "it is still an ordinary page");
    }
}

void hypervisor_slots() {
    Page l3;
    l3.protect();
    for (unsigned slot = abi::first_hypervisor_l4_slot; slot <= abi::last_hypervisor_l4_slot; ++slot) {
        u64 volatile const* root = pt::table(pt::kernel_root());
        u64 before = root[slot];
        refused(write_entry(pt::entry_address(pt::kernel_root(), slot), pt::entry(l3.frame(), pte::read_write)),
                "a slot of the hypervisor's is written");
        refused(write_entry(pt::entry_address(pt::kernel_root(), slot), 0), "or cleared");
        expect(root[slot] == before, "the slot is as it was");
        tries([&] { const_cast<u64 volatile*>(root)[slot] = 0; });
        expect(root[slot] == before, "a store changes nothing either");
    }
}

// A root whose hypervisor slots were filled before it became one: loaded, it shows the hypervisor's memory and not
// ours.
void forged_root() {
    Page l4, l3, l2, l1;
    for (unsigned slot = 0; slot < 512; ++slot) {
        bool theirs = slot >= abi::first_hypervisor_l4_slot && slot <= abi::last_hypervisor_l4_slot;
        l4.words()[slot] = theirs ? pt::entry(l3.frame(), pte::read_write) : pt::table(pt::kernel_root())[slot];
    }
    l3.words()[0] = pt::entry(l2.frame(), pte::read_write);
    l2.words()[0] = pt::entry(l1.frame(), pte::read_write);
    for (Page* page : {&l4, &l3, &l2, &l1}) { page->protect(); }
    u64 volatile const* m2p = reinterpret_cast<u64 const*>(abi::machphys_virt_start);
    Mfn mine = l1.frame();
    u64 before = m2p[mine.value];
    abi::MmuextOp op{};
    op.cmd = abi::mmuext::new_baseptr;
    op.arg1.mfn = l4.frame();
    if (pt::pin(4, l4.frame()) == 0 && guest::mmuext_op(&op, 1) == 0) {
        expect(m2p[mine.value] == before, "the machine-to-physical table is the hypervisor's");
        op.arg1.mfn = pt::kernel_root();
        accepted(guest::mmuext_op(&op, 1), "back on the old root");
    }
    accepted(pt::unpin(l4.frame()), "the forged root is let go");
}

void self_reference() {
    Mapped mapped;
    for (unsigned level = 1; level <= 4; ++level) {
        Mfn table = table_of_test(level);
        entry_stays(level, pt::entry(table, pte::read_write), "a table maps itself writable");
        // Read-only, a table may see itself: then a store through that must fault.
        u64 spare = pt::entry_address(table, 500);
        if (write_entry(spare, pt::entry(table, pte::read_only)) == 0) {
            accepted(write_entry(spare, 0), "the linear mapping goes away");
        }
    }
    u64 own = pt::entry_address(pt::kernel_root(), 300);
    if (write_entry(own, pt::entry(pt::kernel_root(), pte::read_only)) == 0) {
        u64 through = 0xffff000000000000 | u64{300} << 39 | u64{300} << 30 | u64{300} << 21 | u64{300} << 12;
        u64 volatile* slot = reinterpret_cast<u64 volatile*>(through) + 299;
        tries([&] { *slot = pt::entry(mapped.page.frame(), pte::read_write); });
        expect(static_cast<u64 const volatile*>(pt::table(pt::kernel_root()))[299] == 0, "the root was not written");
        accepted(write_entry(own, 0), "the linear mapping goes away");
    }
}

// Each table of the test address as a table of another level, and as memory.
void type_confusion() {
    Mapped mapped;
    Page gdt;
    gdt.protect();
    Mfn gdt_frame = gdt.frame();
    accepted(guest::set_gdt(&gdt_frame, 512), "a descriptor page");
    for (unsigned level = 1; level <= 4; ++level) {
        Mfn table = table_of_test(level);
        for (unsigned above = 2; above <= 4; ++above) {
            if (above != level + 1) {
                u64 spare = pt::entry_address(table_of_test(above), 501);
                i64 result = write_entry(spare, pt::entry(table, pte::read_write));
                expect(result < 0 || above == level, "a table of one level serves as another's");
                (void)write_entry(spare, 0);
            }
        }
        refused(write_entry(pt::entry_address(table_of_test(1), 9), pt::entry(table, pte::read_write)),
                "a page table is mapped writable");
        refused(guest::set_gdt(&table, 512), "a page table is a descriptor table");
        void* seen = guest::pointer_to(guest::memory::machine_to_pfn(table));
        refused(pt::set_writable(seen), "the linear mapping of a page table becomes writable");
        traps([&] { static_cast<u8 volatile*>(seen)[4095] = static_cast<u8 volatile*>(seen)[4095]; },
              "a store into a page table that the hypervisor does not carry out");
    }
    refused(write_entry(pt::entry_address(table_of_test(1), 9), pt::entry(gdt_frame, pte::read_write)),
            "a descriptor page is mapped writable");
    for (unsigned level = 1; level <= 4; ++level) { refused(pt::pin(level, gdt_frame), "a descriptor page is pinned"); }
    accepted(guest::set_gdt(nullptr, 0), "no descriptor page");
}

// A store that the hypervisor carries out lies in one entry: not across two, and not across a page's end.
void stores_across_tables() {
    Mapped mapped;
    accepted(guest::vm_assist(abi::vmassist::enable, abi::vmassist::writable_pagetables), "stores are carried out");
    u8 volatile* l1 = const_cast<u8*>(reinterpret_cast<u8 const*>(pt::table(table_of_test(1))));
    u64 before = *reinterpret_cast<u64 volatile*>(l1 + 4088);
    tries([&] { *reinterpret_cast<u64 volatile*>(l1 + 4092) = 0x1111111111111111; });
    expect(*reinterpret_cast<u64 volatile*>(l1 + 4088) == before, "the last entry is as it was");
    tries([&] { *reinterpret_cast<u64 volatile*>(l1 + 4084) = 0x1111111100000000; });
    expect(
        *reinterpret_cast<u64 volatile*>(l1 + 4080) == before && *reinterpret_cast<u64 volatile*>(l1 + 4088) == before,
        "the last two entries are as they were");
    tries([&] { *reinterpret_cast<u64 volatile*>(l1 + 4) = 0x1111111111111111; });
    expect((entry_of_test(1) & pte::frame_mask) == mapped.page.frame().value << 12, "the first entry maps the page");
}

// A table above forbids what the last one allows: the store is refused, and not tried again for ever. Where it is, the
// second vCPU's NMIs find it at the same place each time, though it had time to get on between any two.
constinit u64 interrupted_at = 0;
constinit u32 times = 0;
constinit std::atomic<u32> noted = 0;

bool note_place(guest::TrapFrame& frame) {
    constexpr u32 too_often = 50;
    times = frame.rip == interrupted_at ? times + 1 : 0;
    interrupted_at = frame.rip;
    noted.fetch_add(1, std::memory_order_relaxed);
    return times < too_often;
}

void interrupt_the_first() {
    constexpr u32 long_enough = 20'000, some_way = 2'000;
    u32 const before = noted.load(std::memory_order_relaxed);
    (void)guest::vcpu_op(abi::vcpuop::send_nmi, 0);
    for (u32 i = 0; i < long_enough && noted.load(std::memory_order_relaxed) == before; ++i) { asm volatile("pause"); }
    for (u32 i = 0; i < some_way; ++i) { asm volatile("pause"); }
    (void)guest::sched_op(abi::schedop::yield);
}

void forbidden_above() {
    Mapped mapped;
    accepted(guest::vm_assist(abi::vmassist::enable, abi::vmassist::writable_pagetables), "stores are carried out");
    abi::MmuextOp flush{};
    flush.cmd = abi::mmuext::tlb_flush_local;
    guest::trap::set_handler(guest::trap::nmi, note_place);
    start_racer(interrupt_the_first);
    for (unsigned level = 2; level <= 4; ++level) {
        u64 const entry = entry_of_test(level);
        accepted(write_entry(place_of_test(level), entry & ~pte::writable), "a table is read-only as a whole");
        accepted(guest::mmuext_op(&flush, 1), "a flush");
        traps([] { *reinterpret_cast<u64 volatile*>(test_address) = 1; }, guest::trap::page_fault, "a store traps");
        accepted(write_entry(place_of_test(level), entry), "the table as it was");
    }
    stop_racer();
    guest::trap::set_handler(guest::trap::nmi, nullptr);
    *reinterpret_cast<u64 volatile*>(test_address) = 2;
    expect(mapped.page.words()[0] == 2, "a store is a store again");
}

// A pinned table is given back to the hypervisor: while it is still mapped, nobody gets it.
void table_given_back() {
    Mapped mapped;
    u64* table = static_cast<u64*>(guest::memory::allocate());
    table[3] = mapped.page.writable();
    u64 const pfn = guest::pfn_of(table).value;
    u64 const frame = guest::memory::mfn_of(table).value;
    accepted(pt::set_read_only(table), "a page becomes read-only");
    accepted(pt::pin(1, Mfn{frame}), "a table is pinned");
    u64 extent = frame;
    expect(change_reservation(abi::memop::decrease_reservation, &extent) == 1, "it is given back");
    extent = pfn;
    expect(change_reservation(abi::memop::populate_physmap, &extent) == 1, "another frame takes its place");
    expect(extent != frame, "a frame that is still mapped is not given out");
    refused(pt::unpin(Mfn{frame}), "the pin is gone");
    accepted(guest::update_va_mapping(address_of(table), pt::entry(Mfn{extent}, pte::read_write)), "the new frame");
    guest::memory::set_mfn(Pfn{pfn}, Mfn{extent});
    for (u32 word = 0; word < 512; ++word) { expect(table[word] == 0, "another's frame comes to us clean"); }
    guest::memory::release(table);
}

void unpinned_root_in_use() {
    accepted(pt::unpin(pt::kernel_root()), "the root in use is unpinned");
    void* seen = guest::pointer_to(guest::memory::machine_to_pfn(pt::kernel_root()));
    refused(pt::set_writable(seen), "a root in use becomes writable");
    accepted(pt::pin(4, pt::kernel_root()), "the root is pinned again");
}

constexpr std::array list{
    Attack{"tables.forbidden_bits", forbidden_bits},
    Attack{"tables.forbidden_bits_in_new_tables", forbidden_bits_in_new_tables},
    Attack{"tables.hypervisor_slots", hypervisor_slots},
    Attack{"tables.forged_root", forged_root},
    Attack{"tables.self_reference", self_reference},
    Attack{"tables.type_confusion", type_confusion},
    Attack{"tables.stores_across_tables", stores_across_tables},
    Attack{"tables.forbidden_above", forbidden_above},
    Attack{"tables.table_given_back", table_given_back},
    Attack{"tables.unpinned_root_in_use", unpinned_root_in_use},
};
}  // namespace

Topic table_attacks() { return {list.begin(), list.end()}; }
}  // namespace attacks
