// SPDX-License-Identifier: MIT
// Descriptors of every type, selectors that no longer lead anywhere on the way back, and debug registers.
#include <array>

#include "attack.hpp"
#include "runtime/time.hpp"

namespace attacks {
namespace {
namespace pt = guest::page_table;

constexpr u64 flat_data = 0x00cf'f300'0000'ffff;
constexpr u64 present = u64{1} << 47;

// Type (with the S bit, bits 40-44) and privilege level of a descriptor with our code's address in it, if it is a gate.
u64 descriptor(u32 type, u64 level) {
    u64 target = address_of("");
    u64 gate = (target & 0xffff) | u64{abi::selector::flat_cs64} << 16 | (target >> 16 & 0xffff) << 48;
    u64 segment = 0x00af'0000'0000'ffff;
    return (type == 0xc || type == 0xe || type == 0xf ? gate : segment) | u64{type} << 40 | level << 45 | present;
}

// What may stand in a table that the processor uses.
bool harmless(u64 stored) {
    u64 level = stored >> 45 & 3;
    bool is_segment = (stored >> 44 & 1) != 0;
    if ((stored & present) == 0) { return true; }
    if (is_segment) { return level == 3; }
    u64 type = stored >> 40 & 0xf;
    // The upper half of a gate, which is nothing by itself, and a gate that nobody outside of ring 0 can use.
    return type == 0 || (type == 0xc && level == 0);
}

void every_type_by_update() {
    Page table;
    table.protect();
    Mfn frame = table.frame();
    accepted(guest::set_gdt(&frame, 512), "a descriptor table");
    for (u32 type = 0; type < 32; ++type) {
        for (u64 level = 0; level < 4; ++level) {
            (void)guest::update_descriptor((frame.value << 12) + 8 * 5, descriptor(type, level));
            expect(harmless(table.as()[5]), "a descriptor that must not be there");
            tries([] { asm volatile("mov %0, %%es" ::"r"(5 << 3 | 3)); });
            asm volatile("mov %0, %%es" ::"r"(0));
            tries([] { asm volatile("lldt %0" ::"r"(static_cast<u16>(5 << 3))); });
            tries([] { asm volatile("ltr %0" ::"r"(static_cast<u16>(5 << 3))); });
        }
    }
    accepted(guest::set_gdt(nullptr, 0), "no table");
}

void every_type_in_a_new_table() {
    for (u32 type = 0; type < 32; ++type) {
        for (u64 level = 0; level < 4; ++level) {
            Page table;
            table.words()[511] = descriptor(type, level);
            table.protect();
            Mfn frame = table.frame();
            if (guest::set_gdt(&frame, 512) == 0) { expect(harmless(table.as()[511]), "a descriptor in a new table"); }
            accepted(guest::set_gdt(nullptr, 0), "no table");
        }
    }
}

void ldt() {
    Page table;
    abi::MmuextOp op{};
    op.cmd = abi::mmuext::set_ldt;
    op.arg1.linear_addr = {table.address()};
    op.arg2.nr_ents = 512;
    for (u32 type : {0x2u, 0x9u, 0xbu, 0xcu, 0xeu, 0xfu}) {
        table.words()[1] = flat_data;
        table.words()[2] = descriptor(type, 3);
        table.protect();
        accepted(guest::mmuext_op(&op, 1), "set_ldt");
        guest::TrapFrame frame{};
        bool refused_all = guest::trap::attempt([] { asm volatile("mov %0, %%es" ::"r"(1 << 3 | 7)); }, frame);
        asm volatile("mov %0, %%es" ::"r"(0));
        expect(refused_all || harmless(table.as()[2]), "a system descriptor is live in the LDT");
        op.arg2.nr_ents = 0;
        accepted(guest::mmuext_op(&op, 1), "no LDT");
        op.arg2.nr_ents = 512;
        accepted(pt::set_writable(table.memory()), "writable");
        table.words()[2] = 0;
    }
    // A page table as LDT: seen by the processor it would be a descriptor page.
    op.arg1.linear_addr = {address_of(pt::table(pt::kernel_root()))};
    (void)guest::mmuext_op(&op, 1);
    tries([] { asm volatile("mov %0, %%es" ::"r"(1 << 3 | 7)); });
    asm volatile("mov %0, %%es" ::"r"(0));
    op.arg2.nr_ents = 0;
    accepted(guest::mmuext_op(&op, 1), "no LDT");
}

i64 set_ldt(Page const& page, u32 entries) {
    abi::MmuextOp op{};
    op.cmd = abi::mmuext::set_ldt;
    op.arg1.linear_addr = {page.address()};
    op.arg2.nr_ents = entries;
    return guest::mmuext_op(&op, 1);
}
constexpr u32 local_data = 1 << 3 | 7;

// The user's GS is a selector of an LDT whose page is fit only since the table was set.
void ldt_of_the_users_gs() {
    Page table;
    table.words()[1] = flat_data;
    accepted(set_ldt(table, 512), "an LDT, whose page is writable");
    table.protect();
    accepted(guest::set_segment_base(abi::segbase::gs_user_sel, local_data), "its selector for the user's GS");
    u32 selector = 0;
    asm volatile("mov %%gs, %0" : "=r"(selector));
    accepted(guest::set_segment_base(abi::segbase::gs_user_sel, 0), "none");
    accepted(set_ldt(table, 0), "no LDT");
    expect(selector == local_data, "the selector is as it was set");
}

// The LDT is replaced by one with the same descriptors while selectors of it are loaded, as Linux does it when a
// program changes its own; interrupts and the other vCPU come in between.
constinit u64 volatile spins = 0;
void spin() {
    for (u32 i = 0; i < 10000; ++i) { spins = spins + 1; }
}

void ldt_is_replaced() {
    Page one, other;
    one.words()[1] = other.words()[1] = flat_data;
    one.protect();
    start_racer(spin);
    accepted(set_ldt(one, 512), "an LDT");
    u32 failures = 0;
    guest::TrapFrame caught{};
    u64 const end = guest::time::now() + 2 * guest::time::second;
    asm volatile("mov %0, %%ds" ::"r"(local_data));
    for (u64 turn = 1; guest::time::now() < end; ++turn) {
        Page& next = turn % 2 != 0 ? other : one;
        Page& last = turn % 2 != 0 ? one : other;
        next.protect();
        auto replace = [&] {
            (void)set_ldt(next, 512);
            for (u32 i = 0; i < 3000; ++i) { spins = spins + 1; }
        };
        u32 selector = 0;
        if (guest::trap::attempt(replace, caught)) { ++failures; }
        asm volatile("mov %%ds, %0" : "=r"(selector));
        if (selector != local_data) { ++failures; }
        asm volatile("mov %0, %%es; mov %0, %%ds" ::"r"(local_data));
        accepted(pt::set_writable(last.memory()), "the last one is ordinary memory");
        last.words()[2] = turn;
    }
    asm volatile("mov %0, %%ds; mov %0, %%es" ::"r"(0));
    stop_racer();
    accepted(set_ldt(one, 0), "no LDT");
    expect(failures == 0, "a selector of an LDT that is replaced stays");
}

// The descriptor goes away while its selector is loaded: when this vCPU runs again, loading it fails in the hypervisor.
void selector_without_descriptor() {
    for (unsigned which = 0; which < 4; ++which) {
        Page table;
        table.words()[1] = flat_data;
        table.protect();
        Mfn frame = table.frame();
        accepted(guest::set_gdt(&frame, 512), "a descriptor table");
        guest::TrapFrame caught{};
        bool called_back = guest::trap::attempt(
            [&] {
                u32 selector = 1 << 3 | 3;
                switch (which) {
                    case 0: asm volatile("mov %0, %%ds" ::"r"(selector)); break;
                    case 1: asm volatile("mov %0, %%es" ::"r"(selector)); break;
                    case 2: asm volatile("mov %0, %%fs" ::"r"(selector)); break;
                    default: asm volatile("mov %0, %%gs" ::"r"(selector)); break;
                }
                (void)guest::update_descriptor(frame.value << 12 | 8, 0);
                guest::time::sleep_until(guest::time::now() + 3 * guest::time::millisecond);
            },
            caught);
        expect(!called_back || caught.vector == guest::trap::failsafe, "the failsafe callback or a null selector");
        asm volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%fs; mov %0, %%gs" ::"r"(0));
        accepted(guest::set_gdt(nullptr, 0), "no table");
    }
}

// Breakpoints on the hypervisor's own code and data would fire in ring 0.
void debug_registers() {
    for (u32 index = 0; index < 4; ++index) {
        i64 before = guest::get_debugreg(index);
        for (u64 address : {abi::hypervisor_virt_start, u64{0xffff808000000000}, u64{0xffff818000000000},
                            u64{0xffff820000000000}, u64{0xffff830000000000}, abi::hypervisor_virt_end - 1,
                            u64{1} << 47, u64{1} << 63, abi::hypervisor_virt_start - 1}) {
            refused(guest::set_debugreg(index, address), "a breakpoint outside of the guest");
            tries([&] {
                if (index == 0) { asm volatile("mov %0, %%db0" ::"r"(address)); }
                if (index == 1) { asm volatile("mov %0, %%db1" ::"r"(address)); }
                if (index == 2) { asm volatile("mov %0, %%db2" ::"r"(address)); }
                if (index == 3) { asm volatile("mov %0, %%db3" ::"r"(address)); }
            });
            expect(guest::get_debugreg(index) == before, "the register is as it was");
        }
    }
    for (u64 control : {u64{1} << 13, u64{0x20401}, u64{0x20420}, u64{0x22222455}, u64{1} << 32, ~u64{0}}) {
        (void)guest::set_debugreg(7, control);
        u64 now = static_cast<u64>(guest::get_debugreg(7));
        expect((now >> 32) == 0 && (now & u64{1} << 13) == 0, "no general detect");
        for (u32 index = 0; index < 4; ++index) {
            bool enabled = (now >> 2 * index & 3) != 0;
            expect(!enabled || (now >> (16 + 4 * index) & 3) != 2, "no I/O breakpoint");
        }
        accepted(guest::set_debugreg(7, 0x400), "none");
    }
}

// What a vCPU's breakpoints have told must not be seen by the next one on its processor, which has none.
void tell_a_lot() {
    (void)guest::set_debugreg(0, test_address);
    (void)guest::set_debugreg(6, 0xffffafff);
    (void)guest::set_debugreg(7, 0x401);
    (void)guest::sched_op(abi::schedop::yield);
}
void tell_nothing() {
    (void)guest::set_debugreg(7, 0x400);
    (void)guest::set_debugreg(6, 0xffff0ff0);
    (void)guest::set_debugreg(0, 0);
}

bool end_step(guest::TrapFrame& frame) {
    frame.rflags &= ~u64{0x100};
    return true;
}

void debug_status() {
    guest::trap::set_handler(guest::trap::debug, end_step);
    start_racer(tell_a_lot);
    for (Race race; race.goes_on();) {
        (void)guest::sched_op(abi::schedop::yield);
        accepted(guest::set_debugreg(6, 0xffff0ff0), "nothing was told");
        asm volatile("pushfq; orq $0x100, (%%rsp); popfq; nop" ::: "memory", "cc");
        expect((guest::get_debugreg(6) & 0xa00f) == 0, "what another vCPU was told");
    }
    stop_racer();
    start_racer(tell_nothing);
    stop_racer();
    guest::trap::set_handler(guest::trap::debug, nullptr);
}

constexpr std::array list{
    Attack{"descriptors.every_type_by_update", every_type_by_update},
    Attack{"descriptors.every_type_in_a_new_table", every_type_in_a_new_table},
    Attack{"descriptors.ldt", ldt},
    Attack{"descriptors.ldt_of_the_users_gs", ldt_of_the_users_gs},
    Attack{"descriptors.ldt_is_replaced", ldt_is_replaced},
    Attack{"descriptors.selector_without_descriptor", selector_without_descriptor},
    Attack{"descriptors.debug_registers", debug_registers},
    Attack{"descriptors.debug_status", debug_status},
};
}  // namespace

Topic descriptor_attacks() { return {list.begin(), list.end()}; }
}  // namespace attacks
