// SPDX-License-Identifier: MIT
// What an instruction does that is privileged, wrong or stepped over, in the kernel and in user mode; what becomes of a
// strange frame that is returned to; and who has I/O privilege. The instructions are in probes.S.
#include <span>
#include "check.hpp"
#include "runtime/memory.hpp"
#include "runtime/page_table.hpp"
#include "runtime/user.hpp"

extern "C" {
struct Probe {
    char const *at, *end;
    guest::u32 kernel, kernel_code, user, user_code;
    char name[32];
};
extern Probe const probe_table[], probe_table_end[];
extern char const probes[], probes_end[], probe_sysenter[];
}

namespace selftest {
namespace {
namespace trap = guest::trap;

constexpr u32 runs_through = 0x100, traps_behind = 0x400, no_register = 0x800;
constexpr u64 any_code = 0xffff'ffff;
constexpr u64 trap_flag = 0x100, interrupt_flag = 0x200, nested_task = 0x4000, iopl_flags = 0x3000;
constexpr u64 single_step = 0x4000;  // in DR6
constexpr u64 code_address = 0x400000;
constexpr u64 data_address = 0x500000;
constinit u64 scratch[2] = {};

// By IRETQ, so that a trap flag counts from the first instruction on.
void jump_to(u64 rip, u64 rflags) {
    register u64 r8 asm("r8") = 0xf007, r9 asm("r9") = 0xf, r10 asm("r10") = 0xe033, r11 asm("r11") = 0xe013;
    asm volatile(
        "mov %%ss, %%eax; push %%rax; lea 8(%%rsp), %%rax; push %%rax; push %[flags]\n\t"
        "mov %%cs, %%eax; push %%rax; push %[rip]; mov $99, %%eax; xor %%edx, %%edx; iretq"
        :
        : [flags] "r"(rflags), [rip] "r"(rip), "b"(scratch), "c"(u64{0}), "S"(u64{1} << 63), "D"(0xffff830000000000),
          "r"(r8), "r"(r9), "r"(r10), "r"(r11)
        : "rax", "rdx", "memory");
}

guest::TrapFrame in_kernel(char const* at, u64 flags) {
    guest::TrapFrame frame{};
    (void)trap::attempt([&] { jump_to(address_of(at), interrupt_flag | flags); }, frame);
    return frame;
}

struct UserCode {
    guest::UserSpace space;
    u8* code = static_cast<u8*>(guest::memory::allocate());
    u8* data = static_cast<u8*>(guest::memory::allocate());

    UserCode() {
        __builtin_memcpy(code, probes, static_cast<std::size_t>(probes_end - probes));
        check(space.map(code_address, guest::memory::mfn_of(code), guest::pte::read_only) &&
                  space.map(data_address, guest::memory::mfn_of(data), guest::pte::read_write) && space.activate(),
              "a user space");
    }
    ~UserCode() {
        check(space.unmap(code_address) && space.unmap(data_address), "unmapped");
        guest::memory::release(code);
        guest::memory::release(data);
    }
    static u64 place_of(char const* at) { return code_address + static_cast<u64>(at - probes); }
    guest::TrapFrame run(char const* at, u64 flags) {
        guest::TrapFrame frame = guest::user_frame(place_of(at), data_address + 2048);
        frame.rflags |= flags;
        frame.rax = 99;
        frame.rbx = frame.rsp;
        frame.rsi = u64{1} << 63;
        frame.rdi = 0xffff830000000000;
        frame.r8 = 0xf007;
        frame.r9 = 0xf;
        frame.r10 = 0xe033;
        frame.r11 = 0xe013;
        space.run(frame);
        return frame;
    }
};

// No such control register: an invalid opcode, whoever asks (SDM volume 2, MOV to and from control registers; volume 3,
// table 6-2: found while decoding, before privilege is looked at). QEMU's emulator looks at the privilege first.
u64 vector_of_no_register() {
    u32 leaf = 0x40000000, signature = 0;
    asm volatile("cpuid" : "+a"(leaf), "=b"(signature) : : "ecx", "edx");  // the machine's own answer
    constexpr u32 tcgt = 0x54474354;
    return signature == tcgt ? u64{trap::general_protection} : u64{trap::invalid_opcode};
}

void expect(Probe const& probe, guest::TrapFrame const& frame, u64 at, u32 effect, u64 code, bool stepped) {
    u64 end = at + static_cast<u64>(probe.end - probe.at);
    u64 vector = effect == runs_through ? (stepped ? u64{trap::debug} : u64{trap::invalid_opcode})
                 : effect & no_register ? vector_of_no_register()
                                        : effect & 0x1ff;
    u64 rip = effect & (runs_through | traps_behind) ? end : at;
    u64 steps = static_cast<u64>(guest::get_debugreg(6)) & single_step;
    bool good = frame.vector == vector && frame.rip == rip && (code == any_code || frame.error_code == code) &&
                steps == (vector == trap::debug ? single_step : 0);
    if (!good)
        guest::print("vector {} code {:x} rip {:x} of {:x}, dr6 {:x}:\n", frame.vector, frame.error_code, frame.rip, at,
                     static_cast<u64>(guest::get_debugreg(6)));
    check(good, probe.name);
}

void test_instructions(UserCode& user) {
    for (Probe const& probe : std::span{probe_table, probe_table_end})
        for (u64 flags : {u64{0}, trap_flag}) {
            (void)guest::set_debugreg(6, 0);
            expect(probe, in_kernel(probe.at, flags), address_of(probe.at), probe.kernel, probe.kernel_code, flags);
            (void)guest::set_debugreg(6, 0);
            expect(probe, user.run(probe.at, flags), user.place_of(probe.at), probe.user, probe.user_code, flags);
        }
    (void)guest::set_debugreg(6, 1);
    (void)in_kernel(probes, trap_flag);
    equal(static_cast<u64>(guest::get_debugreg(6)) & 0x400f, 0x4001, "the status in DR6 adds up");
    (void)guest::set_debugreg(6, 0);
}

// The hypercall does not judge a frame, the processor does, and the exception is where the frame wanted to go.
struct ReturnFrame {
    u64 rip, cs, rflags, ss;
    u64 vector, code;
    u64 seen_flags;
    std::string_view what;
};
constexpr u64 at_end_of_half = 0x7fff'ffff'ffff;
constexpr ReturnFrame return_frames[] = {
    {code_address, 0xe033, 0x202, 0xe02b, 6, 0, 0x202, "an ordinary frame"},
    {u64{1} << 50, 0xe033, 0x202, 0xe02b, 13, 0, 0x202, "a non-canonical address"},
    {at_end_of_half, 0xe033, 0x202, 0xe02b, 14, 0x14, 0x202, "the last address of the lower half"},
    {0xffff830000000000, 0xe033, 0x202, 0xe02b, 14, 0x15, 0x202, "an address of the hypervisor"},
    {code_address, 0xe033, 0x202, 3, 13, 0, 0x202, "a null stack selector"},
    {code_address, 0xe033, 0x202, 0xf003, 13, 0xf000, 0x202, "a stack selector beyond the table"},
    {code_address, 0xe033, 0x202, 0xe033, 13, 0xe030, 0x202, "code as a stack"},
    {code_address, 0xe033, 0x202, 0xe013, 13, 0xe010, 0x202, "the hypervisor's data as a stack"},
    {code_address, 3, 0x202, 0xe02b, 13, 0, 0x202, "a null code selector"},
    {code_address, 0xf003, 0x202, 0xe02b, 13, 0xf000, 0x202, "a code selector beyond the table"},
    {code_address, 0xe02b, 0x202, 0xe02b, 13, 0xe028, 0x202, "data as code"},
    {code_address, 0xe00b, 0x202, 0xe02b, 13, 0xe008, 0x202, "the hypervisor's code"},
    {code_address, 0xf, 0x202, 0xe02b, 13, 0xc, 0x202, "code in no LDT"},
    {code_address, 0xe033, 0x4202, 0xe02b, 6, 0, 0x4202, "the flag of nested tasks"},
    {code_address, 0xe033, 0x40202, 0xe02b, 6, 0, 0x40202, "the alignment check"},
    {code_address, 0xe033, 0x23202, 0xe02b, 6, 0, 0x202, "virtual 8086 mode and an I/O privilege level"},
    {code_address, 0xe033, 0, 0xe02b, 6, 0, 2, "no interrupts: events are masked"},
};

void test_returns(UserCode& user) {
    user.code[0] = 0x0f;  // UD2 instead of the first probe
    user.code[1] = 0x0b;
    for (ReturnFrame const& wanted : return_frames) {
        guest::TrapFrame frame = guest::user_frame(wanted.rip, data_address + 2048);
        frame.cs = wanted.cs;
        frame.rflags = wanted.rflags;
        frame.ss = wanted.ss;
        user.space.run(frame);
        bool good = frame.vector == wanted.vector && frame.error_code == wanted.code && frame.rip == wanted.rip &&
                    frame.selector() == wanted.cs && frame.ss == wanted.ss &&
                    (frame.rflags & ~u64{0x10000}) == wanted.seen_flags;
        if (!good) guest::print_frame(frame);
        check(good, wanted.what);
    }
}

// Processors other than Intel's do not have it in 64-bit code; there it loses where it came from.
void test_sysenter(UserCode& user) {
    for (u64 flags : {u64{0}, nested_task, trap_flag}) {
        guest::TrapFrame frame = user.run(probe_sysenter, flags);
        bool absent = frame.vector == trap::invalid_opcode && frame.rip == user.place_of(probe_sysenter);
        bool entered = frame.vector == trap::sysenter && frame.rip == 0 && frame.from_user() &&
                       (frame.rflags & interrupt_flag) && frame.rdi == 0xffff830000000000;
        check(absent || entered, "sysenter");
    }
}

i64 set_iopl(u32 level) {
    abi::PhysdevSetIopl op{.iopl = level};
    return guest::physdev_op(abi::physdevop::set_iopl, &op);
}

Probe const& probe_named(std::string_view name) {
    for (Probe const& probe : std::span{probe_table, probe_table_end})
        if (name == probe.name) return probe;
    return probe_table[0];
}

// CLI is allowed by I/O privilege: the kernel is at ring 1, but with the assist at ring 0.
void test_io_privilege(UserCode& user) {
    Probe const& cli = probe_named("cli");
    Probe const& int3 = probe_named("int3");
    for (u32 assist : {abi::vmassist::disable, abi::vmassist::enable}) {
        bool shown = assist == abi::vmassist::enable;
        if (shown)
            ok(guest::vm_assist(assist, abi::vmassist::architectural_iopl), "the architectural level is switched on");
        for (u32 level = 0; level < 4; ++level) {
            ok(set_iopl(level), "set_iopl");
            u64 kernel_vector = shown || level >= 1 ? trap::invalid_opcode : trap::general_protection;
            equal(in_kernel(cli.at, 0).vector, kernel_vector, "cli in the kernel");
            if (shown) ok(set_iopl(level), "set_iopl");  // our own return frames said 0
            equal(user.run(int3.at, shown ? u64{level} << 12 : 0).rflags & iopl_flags, shown ? level << 12 : 0,
                  "the level in a frame");
            equal(user.run(cli.at, shown ? u64{level} << 12 : 0).vector,
                  level == 3 ? trap::invalid_opcode : trap::general_protection, "cli in user mode");
        }
    }
    (void)user.run(int3.at, 0);
    equal(user.run(int3.at, u64{2} << 12).rflags & iopl_flags, 0x2000, "iret sets the level");
    ok(guest::vm_assist(abi::vmassist::disable, abi::vmassist::architectural_iopl), "and off");
    ok(set_iopl(0), "no I/O privilege");
}
}  // namespace

void test_traps() {
    u64 before = guest::memory::free_pages();
    {
        UserCode user;
        test_instructions(user);
        test_sysenter(user);
        test_io_privilege(user);
        test_returns(user);
    }
    equal(guest::memory::free_pages(), before, "every page is back");
}
}  // namespace selftest
