// SPDX-License-Identifier: MIT
// User mode on a root of its own: how it is entered, and every way back.
#include "privileged.hpp"
#include "runtime/event.hpp"
#include "runtime/memory.hpp"
#include "runtime/page_table.hpp"
#include "runtime/time.hpp"
#include "runtime/user.hpp"

extern "C" char user_code[], user_code_end[], user_syscall[], user_breakpoint[], user_read[], user_privileged[],
    user_spin[], user_gs[], user_int80[], user_port[];

namespace selftest {
namespace {
namespace pte = guest::pte;
namespace trap = guest::trap;

constexpr u64 code_address = 0x400000;
constexpr u64 data_address = 0x500000;
constexpr u64 stack_top = data_address + 4096;

u64 at(char const* label) { return code_address + static_cast<u64>(label - user_code); }
u64 after(char const* label, u64 size) { return at(label) + size; }

struct Program {
    guest::UserSpace space;
    u8* code = static_cast<u8*>(guest::memory::allocate());
    u8* data = static_cast<u8*>(guest::memory::allocate());

    Program() {
        __builtin_memcpy(code, user_code, static_cast<std::size_t>(user_code_end - user_code));
        check(space.map(code_address, guest::memory::mfn_of(code), pte::read_only), "user code is mapped");
        check(space.map(data_address, guest::memory::mfn_of(data), pte::read_write | pte::no_execute), "user data too");
        check(space.activate(), "the user root is loaded");
    }
    guest::TrapFrame run(char const* label, u64 rax = 0) {
        guest::TrapFrame frame = guest::user_frame(at(label), stack_top);
        frame.rax = rax;
        frame.rbx = 0xdead;
        frame.rcx = 0xcccc;
        frame.r11 = 0x1111;
        space.run(frame);
        return frame;
    }
};

// What the kernel has used is not open to its programs: both run in ring 3.
void test_closed_ports(Program& program) {
    abi::PhysdevSetIopl level{.iopl = 1};
    ok(guest::physdev_op(abi::physdevop::set_iopl, &level), "the kernel gets I/O privilege");
    for (int i = 0; i < 2; ++i) {
        runs([] { asm volatile("in $0xed, %%al" ::: "rax"); }, "and uses a port");
        guest::TrapFrame frame = program.run(user_port);
        equal(frame.vector, trap::general_protection, "user mode may not");
        equal(frame.rip, at(user_port), "at the instruction");
    }
    level.iopl = 0;
    ok(guest::physdev_op(abi::physdevop::set_iopl, &level), "no I/O privilege");
}

// The bitmap is the kernel's: what a program has at that address, nothing or pages of its own, does not count.
void test_port_bitmap(Program& program) {
    constexpr u64 port = 0xed;
    auto* bitmap = static_cast<u8*>(guest::memory::allocate());
    auto* forged = static_cast<u8*>(guest::memory::allocate());
    __builtin_memset(bitmap, 0xff, guest::page_size);
    __builtin_memset(forged, 0, guest::page_size);
    abi::PhysdevSetIobitmap op{.bitmap = guest::pointer_to(bitmap), .nr_ports = port + 1, .pad = 0};
    ok(guest::physdev_op(abi::physdevop::set_iobitmap, &op), "set_iobitmap");
    equal(program.run(user_port).rip, at(user_port), "a bitmap that closes the port to user mode");
    bitmap[port / 8] = static_cast<u8>(~(1u << port % 8));
    guest::TrapFrame frame = program.run(user_port);
    equal(frame.rip, after(user_port, 2), "one that opens it");
    equal(frame.rax & 0xff, 0xff, "reads ones where nothing answers");
    bitmap[port / 8] = 0xff;
    check(program.space.map(address_of(bitmap), guest::memory::mfn_of(forged), pte::read_only),
          "a page of the program's where the kernel has its bitmap");
    equal(program.run(user_port).rip, at(user_port), "opens nothing");
    check(program.space.unmap(address_of(bitmap)), "unmapped");
    op.nr_ports = 0;
    ok(guest::physdev_op(abi::physdevop::set_iobitmap, &op), "no bitmap");
    guest::memory::release(bitmap);
    guest::memory::release(forged);
}

void test_system_call(Program& program) {
    guest::TrapFrame frame = program.run(user_syscall);
    equal(frame.vector, trap::syscall, "user code makes a system call");
    check(frame.rax == 0xa1 && frame.rbx == 0xb2 && frame.rdx == 0xd3 && frame.rsi == 0x54 && frame.rdi == 0xd5 &&
              frame.r8 == 0x86 && frame.r9 == 0x97 && frame.r10 == 0x108 && frame.r12 == 0x129 && frame.r15 == 0x15a,
          "with its registers");
    equal(frame.selector(), abi::selector::flat_cs64, "cs is the user's");
    equal(frame.ss, abi::selector::flat_ss, "ss too");
    equal(frame.rsp, stack_top, "and rsp");
    equal(frame.rcx, frame.rip, "rcx is the address after the instruction");
    equal(frame.r11 & 0x200, 0x200, "r11 its flags");
    check(!frame.events_were_masked(), "events were not masked");
}

void test_exceptions(Program& program) {
    guest::TrapFrame frame = program.run(user_breakpoint);
    equal(frame.vector, trap::breakpoint, "a breakpoint");
    equal(frame.rip, after(user_breakpoint, 1), "after the instruction");
    equal(frame.selector(), abi::selector::flat_cs64, "from user mode");
    check(frame.rcx == 0xcccc && frame.r11 == 0x1111, "rcx and r11 came through the iret");
    equal(frame.rsp, stack_top, "rsp is the user's");
    equal(frame.rflags & 0x3200, 0x200, "flags: interrupts, no I/O privilege");

    frame = program.run(user_read, data_address);
    equal(frame.vector, trap::general_protection, "a load of user data works, and hlt then traps");
    frame = program.run(user_read, 0x700000);
    equal(frame.vector, trap::page_fault, "a load from nowhere");
    equal(frame.error_code, 4, "says user");
    equal(trap::fault_address(), 0x700000, "and where");
    frame = program.run(user_read, address_of(user_code));
    equal(frame.vector, trap::page_fault, "the kernel is not in the user root");
    equal(frame.error_code, 4, "error code");
    frame = program.run(user_read, 0xffff830000000000);
    equal(frame.vector, trap::page_fault, "nor does the user see the hypervisor");
    frame = program.run(user_privileged);
    equal(frame.vector, trap::general_protection, "cli in user mode");
    equal(frame.error_code, 0, "error code");
    equal(frame.rip, at(user_privileged), "at the instruction");
    guest::TrapFrame jump = guest::user_frame(data_address, stack_top);
    program.space.run(jump);
    equal(jump.vector, trap::page_fault, "data is not executed");
    equal(jump.error_code, 0x15, "error code: fetch, user, present");
    frame = program.run(user_int80);
    equal(frame.vector, trap::software, "int $0x80 from user mode");
    equal(frame.rip, after(user_int80, 2), "after the instruction");
}

// The kernel's and the user's GS bases change places with the mode.
void test_gs(Program& program) {
    static constinit u64 kernel_word[1] = {0x6b};
    *reinterpret_cast<u64*>(program.data) = 0x75;
    write_msr(msr::gs_base, address_of(kernel_word));
    ok(guest::set_segment_base(abi::segbase::gs_user, data_address), "set_segment_base gs_user");
    guest::TrapFrame frame = program.run(user_gs);
    equal(frame.vector, trap::syscall, "user code with its own gs");
    equal(frame.rbx, 0x75, "reads its own word");
    equal(read_gs_word(), 0x6b, "the kernel's gs is back");
    equal(read_msr(msr::kernel_gs_base), data_address, "and the user's base is kept");
    write_msr(msr::gs_base, 0);
    ok(guest::set_segment_base(abi::segbase::gs_user, 0), "and no base");
}

// A root that is only a user's does not show the M2P table; the kernel sees it always.
void test_strict_m2p(Program& program) {
    constexpr u64 m2p = 0xffff'8000'0000'0000;
    equal(program.run(user_read, m2p).vector, trap::page_fault, "user mode does not see the M2P");
    ok(guest::vm_assist(abi::vmassist::enable, abi::vmassist::m2p_strict), "m2p_strict");
    abi::MmuextOp no_root{};
    no_root.cmd = abi::mmuext::new_user_baseptr;
    ok(guest::mmuext_op(&no_root, 1), "no user root");
    check(program.space.activate(), "the user root again");
    equal(program.run(user_read, m2p).vector, trap::page_fault, "user mode does not see it either");
    runs([] { (void)*reinterpret_cast<u64 volatile*>(m2p); }, "the kernel does");
    ok(guest::vm_assist(abi::vmassist::disable, abi::vmassist::m2p_strict), "off again");
}

constinit u32 ticks = 0;

void test_interruption(Program& program) {
    abi::EvtchnBindVirq bind{.virq = abi::virq::timer, .vcpu = {0}, .port = {0}};
    ok(guest::event_channel_op(abi::evtchnop::bind_virq, &bind), "VIRQ_TIMER");
    guest::event::set_handler(bind.port, [](guest::EvtchnPort) { ++ticks; });
    abi::VcpuSetSingleshotTimer timer{
        .timeout_abs_ns = guest::time::now() + 5 * guest::time::millisecond, .flags = 0, .pad = 0};
    ok(guest::vcpu_op(abi::vcpuop::set_singleshot_timer, 0, &timer), "a timer during user code");
    u64 deadline = guest::time::now() + 60 * guest::time::second;
    guest::TrapFrame frame{};
    do { frame = program.run(user_spin, 10'000'000); } while (ticks == 0 && guest::time::now() < deadline);
    equal(ticks, 1, "interrupts it");
    equal(frame.vector, trap::syscall, "which then goes on to its end");
    equal(frame.rax, 0, "with its registers");
    guest::event::set_handler(bind.port, nullptr);
    abi::EvtchnClose close{.port = bind.port};
    ok(guest::event_channel_op(abi::evtchnop::close, &close), "closed");
}
}  // namespace

void test_user_mode() {
    u64 before = guest::memory::free_pages();
    {
        Program program;
        test_system_call(program);
        test_closed_ports(program);
        test_port_bitmap(program);
        test_exceptions(program);
        test_gs(program);
        test_interruption(program);
        test_strict_m2p(program);
        check(program.space.unmap(code_address) && program.space.unmap(data_address), "unmapped");
        guest::memory::release(program.code);
        guest::memory::release(program.data);
    }
    equal(guest::memory::free_pages(), before, "every page is back");
}
}  // namespace selftest
