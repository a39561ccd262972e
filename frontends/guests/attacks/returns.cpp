// SPDX-License-Identifier: MIT
// Ways back into the guest that the processor refuses: non-canonical addresses, selectors, flags.
#include <array>

#include "attack.hpp"
#include "runtime/event.hpp"
#include "runtime/user.hpp"

extern "C" {
extern char attack_landing[], attack_syscall[], attack_syscall_end[];
void attack_iret(abi::IretContext const* frame);
}

namespace attacks {
namespace {
namespace pt = guest::page_table;
namespace pte = guest::pte;
namespace trap = guest::trap;

constexpr u64 iopl = 0x3000;
constexpr u64 virtual_8086 = u64{1} << 17;
constexpr u64 interrupts = 0x200;
constexpr u64 non_canonical[] = {0x0000800000000000, 0xffff7fffffffffff, 0x8000000000000000, 0x7fffffffffffffff};
constexpr u64 last_page = 0x7ffffffff000;

abi::IretContext landing() {
    static constinit std::array<u64, 512> stack{};
    return {.rax = 0,
            .r11 = 0,
            .rcx = 0,
            .flags = 0,
            .rip = address_of(attack_landing),
            .cs = abi::selector::flat_cs64 & ~u64{3},
            .rflags = interrupts,
            .rsp = address_of(stack.data() + stack.size()),
            .ss = abi::selector::flat_ss};
}

// Leaves for the frame; what came back instead, if anything did.
guest::TrapFrame leave(abi::IretContext const& frame) {
    // On a stack of its own: an exception instead of the return is pushed right below the frame.
    static constinit std::array<u64, 512> stack{};
    auto* place = reinterpret_cast<abi::IretContext*>(&stack[256]);
    *place = frame;
    guest::TrapFrame caught{};
    if (!trap::attempt([&] { attack_iret(place); }, caught)) { caught.vector = ~u64{0}; }
    guest::event::enable();
    return caught;
}

void expect_landed(guest::TrapFrame const& caught, std::string_view what) {
    expect(caught.vector == trap::invalid_opcode && caught.rip > address_of(attack_landing) &&
               caught.rip < address_of(attack_landing) + 64,
           what);
    expect(caught.rbx == (4 << 16 | 17), "and hypercalls answer there");
}

bool pass(guest::TrapFrame&) { return true; }

bool step(guest::TrapFrame& frame) {
    expect((frame.rflags & (iopl | virtual_8086)) == 0, "no flag of privilege in a frame");
    return true;
}

void iret_to_non_canonical_addresses() {
    for (u64 address : non_canonical) {
        for (u64 how : {u64{0}, abi::vgcf::in_syscall}) {
            abi::IretContext frame = landing();
            frame.rip = frame.rcx = address;
            frame.flags = how;
            guest::TrapFrame caught = leave(frame);
            expect(caught.vector == trap::general_protection || caught.vector == trap::failsafe ||
                       caught.vector == trap::page_fault,
                   "the guest gets an exception or its failsafe callback");
        }
    }
}

void iret_to_the_hypervisor() {
    for (u64 address : {abi::hypervisor_virt_start, u64{0xffff828000000000}, u64{0xffff830000000000}}) {
        abi::IretContext frame = landing();
        frame.rip = address;
        expect(leave(frame).vector == trap::page_fault, "its code cannot be executed");
    }
}

void iret_selectors() {
    trap::set_handler(trap::breakpoint, pass);
    for (u64 selector :
         {0x0, 0x4, 0x8, 0x10, 0x18, 0x28, 0xe000, 0xe008, 0xe010, 0xe018, 0xe030, 0xe038, 0xe040, 0xfff0, 0xfffc}) {
        abi::IretContext frame = landing();
        frame.cs = selector;
        guest::TrapFrame caught = leave(frame);
        expect(caught.vector != ~u64{0}, "code selectors lead back into the guest");
        expect((caught.cs & 0xffff) % 4 != 1 && (caught.cs & 0xffff) % 4 != 2, "at no other level");
        frame = landing();
        frame.ss = selector;
        caught = leave(frame);
        expect(caught.vector != ~u64{0}, "stack selectors, too");
    }
    trap::set_handler(trap::breakpoint, nullptr);
}

void flags_across_entries() {
    trap::set_handler(trap::breakpoint, pass);
    trap::set_handler(trap::debug, step);
    for (unsigned bit = 0; bit < 64; ++bit) {
        abi::IretContext frame = landing();
        frame.rflags |= u64{1} << bit;
        guest::TrapFrame caught = leave(frame);
        expect_landed(caught, "the flag leads elsewhere");
        expect((caught.rflags & (iopl | virtual_8086)) == 0, "no privilege comes with it");
        expect((caught.rflags & interrupts) != 0, "interrupts stay enabled");
    }
    abi::IretContext frame = landing();
    frame.rflags = ~u64{0};
    expect_landed(leave(frame), "all flags");
    frame.rflags = 0;
    expect_landed(leave(frame), "no flags");
    trap::set_handler(trap::breakpoint, nullptr);
    trap::set_handler(trap::debug, nullptr);
    u64 flags;
    asm volatile("pushfq; pop %0" : "=r"(flags));
    expect((flags & (iopl | interrupts)) == interrupts, "our own flags are as they were");
}

// SYSCALL as the last instruction below the hole: SYSRET to the address behind it faults in ring 0 (SDM volume 2,
// SYSRET).
void place_syscall(u8 volatile* page) {
    std::size_t size = static_cast<std::size_t>(attack_syscall_end - attack_syscall);
    __builtin_memcpy(const_cast<u8*>(page) + guest::page_size - size, attack_syscall, size);
}

void syscall_at_the_edge() {
    Page code;
    place_syscall(code.as<u8>());
    expect(pt::map(pt::kernel_root(), last_page, code.read_only()), "the last page of the lower half");
    abi::IretContext frame = landing();
    frame.rip = last_page + guest::page_size - 2;
    frame.rax = abi::hypercall::xen_version;
    expect(leave(frame).vector != ~u64{0}, "a hypercall from the edge comes back as an exception");
    expect(pt::clear(pt::kernel_root(), last_page), "unmapped");
}

void user_syscall_at_the_edge() {
    Page code;
    place_syscall(code.as<u8>());
    {
        guest::UserSpace space;
        expect(space.map(last_page, code.frame(), pte::read_only) && space.activate(), "a user address space");
        guest::TrapFrame frame = guest::user_frame(last_page + guest::page_size - 2, 0x1000);
        space.run(frame);
        expect(frame.vector == trap::syscall && frame.rip == last_page + guest::page_size,
               "a system call from the edge");
        space.run(frame);
        expect(frame.vector != trap::syscall, "the way back leads nowhere");
        expect(space.unmap(last_page), "unmapped");
    }
}

// In user mode the same flags, selectors and addresses: the kernel must get control each time.
void user_frames() {
    Page code;
    code.as<u8>()[0] = 0x0f;  // ud2
    code.as<u8>()[1] = 0x0b;
    constexpr u64 at = 0x400000;
    {
        guest::UserSpace space;
        expect(space.map(at, code.frame(), pte::read_only) && space.activate(), "a user address space");
        for (unsigned bit = 0; bit < 64; ++bit) {
            guest::TrapFrame frame = guest::user_frame(at, 0x1000);
            frame.rflags |= u64{1} << bit;
            space.run(frame);
            expect((frame.rflags & (iopl | virtual_8086)) == 0 && (frame.rflags & interrupts) != 0,
                   "user code got a flag of privilege");
        }
        for (u64 selector : {0x3, 0x7, 0xb, 0x13, 0xe003, 0xe00b, 0xe013, 0xe01b, 0xe03b, 0xe043, 0xffff}) {
            guest::TrapFrame frame = guest::user_frame(at, 0x1000);
            frame.cs = selector;
            space.run(frame);
            expect(frame.from_user() || frame.vector == trap::failsafe, "a code selector of user mode");
            frame = guest::user_frame(at, 0x1000);
            frame.ss = selector;
            space.run(frame);
            expect(frame.from_user() || frame.vector == trap::failsafe, "a stack selector of user mode");
        }
        for (u64 address : non_canonical) {
            guest::TrapFrame frame = guest::user_frame(address, 0x1000);
            space.run(frame);
            frame = guest::user_frame(at, address);
            space.run(frame);
        }
        expect(space.unmap(at), "unmapped");
    }
}

// Each way from user mode into the kernel, with every flag that a program can set: the kernel begins without them.
void flags_across_user_entries() {
    Page code;
    constexpr std::array<std::array<u8, 2>, 5> entries{{{0x0f, 0x05},
                                                        {0xcc, 0x90},
                                                        {0xcd, 0x80},
                                                        {0x0f, 0x34},
                                                        {0x0f, 0x0b}}};  // syscall, int3, int 0x80, sysenter, ud2
    constexpr u64 at = 0x400000;
    constexpr u64 trapping = 1u << 8, nested = 1u << 14, aligned = 1u << 18;
    for (std::size_t i = 0; i < entries.size(); ++i) {
        for (std::size_t byte = 0; byte < 2; ++byte) { code.as<u8>()[16 * i + byte] = entries[i][byte]; }
    }
    {
        guest::UserSpace space;
        expect(space.map(at, code.frame(), pte::read_only) && space.activate(), "a user address space");
        for (std::size_t i = 0; i < entries.size(); ++i) {
            for (unsigned bit : {0u, 8u, 10u, 11u, 12u, 13u, 14u, 16u, 17u, 18u, 19u, 20u, 21u}) {
                guest::TrapFrame frame = guest::user_frame(at + 16 * i, 0x1000);
                frame.rflags |= u64{1} << bit;
                space.run(frame);
                u64 flags;
                asm volatile("pushfq; pop %0; cld" : "=r"(flags));
                expect(frame.from_user(), "the kernel is entered from user mode");
                expect((flags & (trapping | nested | aligned | iopl | virtual_8086)) == 0,
                       "the kernel has a flag of its user's");
                expect((flags & interrupts) != 0, "interrupts stay enabled");
            }
        }
        expect(space.unmap(at), "unmapped");
    }
}

constexpr std::array list{
    Attack{"returns.iret_to_non_canonical_addresses", iret_to_non_canonical_addresses},
    Attack{"returns.iret_to_the_hypervisor", iret_to_the_hypervisor},
    Attack{"returns.iret_selectors", iret_selectors},
    Attack{"returns.flags_across_entries", flags_across_entries},
    Attack{"returns.syscall_at_the_edge", syscall_at_the_edge},
    Attack{"returns.user_syscall_at_the_edge", user_syscall_at_the_edge},
    Attack{"returns.user_frames", user_frames},
    Attack{"returns.flags_across_user_entries", flags_across_user_entries},
};
}  // namespace

Topic return_attacks() { return {list.begin(), list.end()}; }
}  // namespace attacks
