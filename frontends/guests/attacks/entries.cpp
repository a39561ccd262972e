// SPDX-License-Identifier: MIT
// Every way into the hypervisor with all of the guest's state hostile: flags, selectors, bases (docs/entry.md). A debug
// build of the hypervisor looks at what it has at each of its calls into C++.
#include <array>

#include "attack.hpp"
#include "runtime/smp.hpp"
#include "runtime/user.hpp"

extern "C" {
extern void const* const attack_ways[];
void attack_enter(guest::u64 flags, void const* code, guest::u64 entry);
void attack_rdmsr(guest::u64 selector, guest::u64 flags);
void attack_iret(abi::IretContext const* frame);
extern char attack_landing[];
[[noreturn]] void attack_fault_without_stack(guest::u64 stack, guest::u64 address);
[[noreturn]] void attack_nmi_without_stack(guest::u64 stack, char const* text, guest::u64 size);
}

namespace attacks {
namespace {
namespace pt = guest::page_table;
namespace pte = guest::pte;
namespace trap = guest::trap;

constexpr u64 flat_data = 0x00cf'f300'0000'ffff;
constexpr u32 own_selector = 1 << 3 | 3;
constexpr u64 trapping = 1u << 8, direction = 1u << 10, nested = 1u << 14, aligned = 1u << 18;

// --- the descriptor of the stack's selector goes away while the hypervisor is at work for the guest

constinit u64 descriptor_place = 0;

void flip_descriptor() {
    for (u32 i = 0; i < 64; ++i) { (void)guest::update_descriptor(descriptor_place, (i & 1) != 0 ? 0 : flat_data); }
}

void stack_selector_vanishes() {
    Page table;
    table.words()[1] = flat_data;
    table.protect();
    Mfn frame = table.frame();
    accepted(guest::set_gdt(&frame, 512), "a descriptor table");
    descriptor_place = frame.value << 12 | 8;
    start_racer(flip_descriptor);
    for (Race race; race.goes_on();) {
        tries([] { attack_rdmsr(own_selector, direction | nested | aligned | 2); });
    }
    stop_racer();
    accepted(guest::set_gdt(nullptr, 0), "no table");
}

// --- the page of the LDT that an IRETQ needs is just becoming something else

constinit Page* ldt_page = nullptr;

// Each use of another kind begins with a flush that the other processor has to answer.
void change_what_it_is() {
    for (u32 i = 0; i < 16; ++i) {
        if (pt::map(pt::kernel_root(), test_address, ldt_page->writable())) {
            (void)pt::clear(pt::kernel_root(), test_address);
        }
        if (pt::pin(1, ldt_page->frame()) == 0) { (void)pt::unpin(ldt_page->frame()); }
    }
}

i64 set_ldt(u64 address, u32 entries) {
    abi::MmuextOp op{};
    op.cmd = abi::mmuext::set_ldt;
    op.arg1.linear_addr = {address};
    op.arg2.nr_ents = entries;
    return guest::mmuext_op(&op, 1);
}

void ldt_page_in_motion() {
    static constinit std::array<u64, 512> stack{};
    auto* const place = reinterpret_cast<abi::IretContext*>(&stack[256]);
    Page page;
    page.protect();
    ldt_page = &page;
    start_racer(change_what_it_is);
    for (Race race; race.goes_on();) {
        accepted(set_ldt(page.address(), 512), "a table");
        *place = {.rax = 0,
                  .r11 = 0,
                  .rcx = 0,
                  .flags = 0,
                  .rip = address_of(attack_landing),
                  .cs = abi::selector::flat_cs64 & ~u64{3},
                  .rflags = 0x200,
                  .rsp = address_of(stack.data() + stack.size()),
                  .ss = 1 << 3 | 7};
        traps([&] { attack_iret(place); }, "a stack selector without a descriptor");
        accepted(set_ldt(0, 0), "no table");
    }
    stop_racer();
    (void)pt::clear(pt::kernel_root(), test_address);
}

// --- every way in, with every flag that a guest can set, selectors of its own and bases of the hypervisor's

constexpr std::array flag_sets{u64{0},
                               direction,
                               nested,
                               aligned,
                               trapping,
                               direction | nested | aligned,
                               direction | nested | aligned | trapping};
constexpr u64 small_data = 0xff00'f300'0000'0000;  // of one byte, 16 bits wide, with a base
constexpr u64 hypervisors = 0xffff'8300'0000'0000;

bool pass(guest::TrapFrame&) { return true; }

void load_selectors(u32 selector) { asm volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%fs" ::"r"(selector)); }

bool selectors_are(u32 selector) {
    u32 ds, es, fs;
    asm volatile("mov %%ds, %0; mov %%es, %1; mov %%fs, %2" : "=r"(ds), "=r"(es), "=r"(fs));
    return ds == selector && es == selector && fs == selector;
}

// The flags that the processor does not clear by itself on every way in.
void every_way_from_the_kernel(u64 entry) {
    for (void const* const* way = attack_ways; *way != nullptr; ++way) {
        for (u64 flags : flag_sets) {
            guest::TrapFrame caught{};
            expect(trap::attempt([&] { attack_enter(flags | 0x202, *way, entry); }, caught), "every way ends");
            constexpr u64 kept = direction | nested | aligned;
            expect((caught.rflags & kept) == (flags & kept), "the guest's flags are as they were");
            expect(selectors_are(own_selector), "and its selectors");
        }
    }
}

void every_way_from_user_mode() {
    // syscall, int3, int 0x80, int 0x81, sysenter, ud2, a division by zero, a read of the hypervisor's memory
    constexpr std::array<std::array<u8, 12>, 8> ways{{{0x0f, 0x05},
                                                      {0xcc},
                                                      {0xcd, 0x80},
                                                      {0xcd, 0x81},
                                                      {0x0f, 0x34},
                                                      {0x0f, 0x0b},
                                                      {0x31, 0xd2, 0x31, 0xc9, 0xf7, 0xf1},
                                                      {0x48, 0x8b, 0x04, 0x25, 0x00, 0x00, 0x00, 0x80}}};
    constexpr u64 at = 0x400000;
    Page code;
    for (std::size_t i = 0; i < ways.size(); ++i) {
        for (std::size_t byte = 0; byte < ways[i].size(); ++byte) { code.as<u8>()[16 * i + byte] = ways[i][byte]; }
    }
    guest::UserSpace space;
    expect(space.map(at, code.frame(), pte::read_only) && space.activate(), "a user address space");
    for (std::size_t i = 0; i < ways.size(); ++i) {
        for (u64 flags : flag_sets) {
            guest::TrapFrame frame = guest::user_frame(at + 16 * i, 0x1000);
            frame.rflags |= flags;
            frame.ss = own_selector;
            space.run(frame);
            asm volatile("cld");
            expect(frame.from_user(), "the kernel is entered from user mode");
            expect((frame.rflags & (direction | nested | aligned)) == (flags & (direction | nested | aligned)),
                   "with the flags of its user");
        }
    }
    expect(space.unmap(at), "unmapped");
}

void every_way_in() {
    Page table, leaf;
    table.words()[1] = small_data;
    table.protect();
    Mfn frame = table.frame();
    accepted(guest::set_gdt(&frame, 512), "a descriptor table");
    expect(pt::map(pt::kernel_root(), test_address, leaf.read_only()), "a table");
    u64 const entry = address_of(pt::table(table_of_test(1))) + 8 * pt::slot(test_address, 1);
    for (u64 vector : {trap::breakpoint, trap::debug, trap::software}) { trap::set_handler(vector, pass); }
    load_selectors(own_selector);
    accepted(guest::set_segment_base(abi::segbase::gs_kernel, hypervisors), "a base");
    accepted(guest::set_segment_base(abi::segbase::gs_user, hypervisors + 1), "the user's");
    every_way_from_the_kernel(entry);
    every_way_from_user_mode();
    accepted(guest::set_segment_base(abi::segbase::gs_kernel, 0), "no base");
    accepted(guest::set_segment_base(abi::segbase::gs_user, 0), "nor for the user");
    load_selectors(0);
    for (u64 vector : {trap::breakpoint, trap::debug, trap::software}) { trap::set_handler(vector, nullptr); }
    accepted(pt::clear(pt::kernel_root(), test_address) ? 0 : -1, "the entry is clear");
    accepted(guest::set_gdt(nullptr, 0), "no table");
}

// --- breakpoints on the stack on which frames are pushed, and on the frame that an iret reads: they fire in ring 0

void breakpoints_on_its_stack() {
    static constinit std::array<u64, 512> stack{};
    u64 const top = address_of(stack.data() + stack.size());
    auto* const place = reinterpret_cast<abi::IretContext*>(&stack[256]);
    for (u64 vector : {trap::breakpoint, trap::debug}) { trap::set_handler(vector, pass); }
    for (u64 first : {top - 32, top - 64, address_of(place), address_of(place) + 32}) {
        for (u32 index = 0; index < 4; ++index) {
            accepted(guest::set_debugreg(index, first + 8 * u64{index}), "a breakpoint on a word of its own");
        }
        accepted(guest::set_debugreg(7, 0xbbbb'0455), "on reads and writes of it");
        for (u64 flags : flag_sets) {
            *place = {.rax = 0,
                      .r11 = 0,
                      .rcx = 0,
                      .flags = 0,
                      .rip = address_of(attack_landing),
                      .cs = abi::selector::flat_cs64 & ~u64{3},
                      .rflags = 0x202 | flags,
                      .rsp = top,
                      .ss = abi::selector::flat_ss};
            guest::TrapFrame caught{};
            expect(trap::attempt([&] { attack_iret(place); }, caught), "the landing ends");
            expect(caught.vector == trap::invalid_opcode && caught.rbx == (4 << 16 | 17), "where it has to");
        }
        accepted(guest::set_debugreg(7, 0x400), "none any more");
    }
    accepted(guest::set_debugreg(6, 0xffff'0ff0), "nothing was told");
    for (u32 index = 0; index < 4; ++index) { accepted(guest::set_debugreg(index, 0), "no address"); }
    for (u64 vector : {trap::breakpoint, trap::debug}) { trap::set_handler(vector, nullptr); }
}

// --- a CPU that finds something to look at over and over

constexpr u32 target = 1, helper = 2;
constinit bool volatile helps = false, takes_none = false;

// No handler, so that no frame of the last NMI is in the way of the next.
void take_no_nmis() {
    if (!takes_none) {
        abi::CallbackUnregister callback{.type = abi::callback::nmi, .unused = 0};
        (void)guest::callback_op(abi::callbackop::unregister_callback, &callback);
        takes_none = true;
    }
    (void)guest::sched_op(abi::schedop::yield);
}

void disturb() {
    for (u32 i = 0; i < 64; ++i) { (void)guest::vcpu_op(abi::vcpuop::send_nmi, target); }
}

[[noreturn]] void help() {
    for (;;) {
        while (helps) { disturb(); }
        (void)guest::vcpu_op(abi::vcpuop::down, helper);
    }
}

// Two send NMIs to the third without a pause; and a vCPU that goes and comes has its CPU look as well. The flushes that
// the senders ask for meanwhile are answered.
void work_without_end() {
    static constinit bool started = false;
    start_racer(take_no_nmis);
    while (!takes_none) { (void)guest::sched_op(abi::schedop::yield); }
    helps = true;
    if (!started) {
        expect(guest::smp::start(helper, help), "a third vCPU");
    } else {
        accepted(guest::vcpu_op(abi::vcpuop::up, helper), "the third vCPU again");
    }
    started = true;
    abi::MmuextOp flush{};
    flush.cmd = abi::mmuext::tlb_flush_all;
    for (Race race; race.goes_on();) {
        disturb();
        if (race.round() % 8 == 0) { accepted(guest::vcpu_op(abi::vcpuop::down, helper), "down"); }
        if (race.round() % 8 == 1) { accepted(guest::vcpu_op(abi::vcpuop::up, helper), "up"); }
        accepted(guest::mmuext_op(&flush, 1), "a flush");
    }
    helps = false;
    accepted(guest::vcpu_op(abi::vcpuop::up, helper), "up");
    stop_racer();
    while (guest::vcpu_op(abi::vcpuop::is_up, helper) == 1) { (void)guest::sched_op(abi::schedop::yield); }
}

constexpr std::array list{
    Attack{"entries.stack_selector_vanishes", stack_selector_vanishes},
    Attack{"entries.ldt_page_in_motion", ldt_page_in_motion},
    Attack{"entries.every_way_in", every_way_in},
    Attack{"entries.breakpoints_on_its_stack", breakpoints_on_its_stack},
    Attack{"entries.work_without_end", work_without_end},
};
}  // namespace

void end_without_stack(std::string_view how) {
    constexpr u64 nowhere = test_address + 0x1000, no_page = 0x123456789000;
    constexpr std::string_view text = "the vCPU goes on\n";
    if (how == "fault") { attack_fault_without_stack(nowhere, no_page); }
    if (how == "nmi") { attack_nmi_without_stack(nowhere, text.data(), text.size()); }
}

Topic entry_attacks() { return {list.begin(), list.end()}; }
}  // namespace attacks
