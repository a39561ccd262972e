// SPDX-License-Identifier: MIT
#include "x86/panic.hpp"
#include <algorithm>
#include "base/log.hpp"
#include "core/domain.hpp"
#include "core/hal/power.hpp"
#include "x86/cpu/instructions.hpp"
#include "x86/cpu/this_cpu.hpp"
#include "x86/dev/acpi.hpp"
#include "x86/dev/serial.hpp"
#include "x86/mm/paging.hpp"

namespace hv::power {
namespace {
constinit bool may_reboot = true;

void wait_a_while() {  // about half a second: every port access takes a microsecond on real machines
    for (u32 i = 0; i < 500'000; ++i) (void)cpu::inb(0x80);
}

// Whatever follows, the console has been told all.
void stop_all_else() {
    smp::stop_others();
    serial::finish();
}

// By ACPI's register, by the chipset, by the keyboard controller, by a triple fault.
void reset() {
    if (acpi::PortRegister reg = acpi::machine.fixed.reset; reg.port) {
        cpu::outb(reg.port, reg.value);
        wait_a_while();
    }
    u8 value = cpu::inb(0xcf9) & ~0x06;
    cpu::outb(0xcf9, static_cast<u8>(value | 0x02));  // a hard reset
    cpu::outb(0xcf9, static_cast<u8>(value | 0x06));  // now
    wait_a_while();
    for (u32 i = 0; i < 0x10000 && cpu::inb(0x64) & 2; ++i) cpu::pause();
    cpu::outb(0x64, 0xfe);  // pulse the reset line
    wait_a_while();
    cpu::lidt({.limit = 0, .base = 0});
    asm volatile("ud2");
}
}  // namespace

void forbid_reboot() { may_reboot = false; }
}  // namespace hv::power

namespace hv::hal {
bool reboot_allowed() { return power::may_reboot; }

void machine_halt() {
    log::info("halted");
    power::stop_all_else();
    cpu::halt_for_good();
}

void machine_power_off() {
    power::stop_all_else();
    acpi::power_off();
    power::wait_a_while();
    log::error("the machine did not turn off");
    machine_halt();
}

void machine_reboot() {
    power::stop_all_else();
    if (power::may_reboot) power::reset();
    machine_halt();
}
}  // namespace hv::hal

extern "C" {
extern hv::u64 const symbol_count;  // followed by that many Symbols and their names
}

namespace hv {
namespace {
constexpr u32 max_depth = 32;

struct Symbol {
    u32 address;  // from the image's start
    u32 name;     // in the texts behind the table
};

// Not through the log's lock: whoever holds it may be what panics.
void print(std::string_view pattern, std::initializer_list<FormatArg> args) {
    std::array<char, 256> buffer;
    log::console_write({"(pv) ", 5});
    log::console_write(format_to(buffer, pattern, {args.begin(), args.size()}));
    log::console_write({"\n", 1});
}

void print_registers(abi::CpuUserRegs const& r) {
    print("  rip {x}:{x} rflags {x} rsp {x}:{x}", {r.cs, r.rip, r.rflags, r.ss, r.rsp});
    print("  rax {x} rbx {x} rcx {x} rdx {x}", {r.rax, r.rbx, r.rcx, r.rdx});
    print("  rsi {x} rdi {x} rbp {x} r8 {x}", {r.rsi, r.rdi, r.rbp, r.r8});
    print("  r9 {x} r10 {x} r11 {x} r12 {x}", {r.r9, r.r10, r.r11, r.r12});
    print("  r13 {x} r14 {x} r15 {x}", {r.r13, r.r14, r.r15});
}

bool on_this_stack(u64 address) {
    u64 here = cpu::frame_pointer();
    return address % 8 == 0 && (address & ~window::stack_mask) == (here & ~window::stack_mask) &&
           (address & window::stack_mask) + 16 <= window::stack_mask - sizeof(CpuBlock);
}

// With the function of ours that it is in, from the table that the build embeds.
void print_place(u64 address) {
    u64 offset = address - reinterpret_cast<u64>(image_start);
    u64 count = symbol_count;
    asm("" : "+r"(count));  // the table is of another size in the final link
    auto entries = reinterpret_cast<Symbol const*>(&symbol_count + 1);
    auto next =
        std::upper_bound(entries, entries + count, offset, [](u64 at, Symbol const& s) { return at < s.address; });
    if (next == entries || address >= reinterpret_cast<u64>(text_end)) return print("  {x}", {address});
    char const* name = reinterpret_cast<char const*>(entries + count) + next[-1].name;
    print("  {x} {} + {x}", {address, name, offset - next[-1].address});
}

// Null, unless this stack's block points to something that can be a vCPU.
Vcpu* running_vcpu(CpuBlock& cpu) { return cpu.current && !cpu.current->is_idle() ? cpu.current : nullptr; }

[[noreturn]] void finish(u64 instruction, u64 frame) {
    CpuBlock& cpu = this_cpu();
    print("backtrace:", {});
    print_place(instruction);
    for (u32 depth = 0; depth < max_depth && on_this_stack(frame); ++depth) {
        auto const* words = reinterpret_cast<u64 const*>(frame);  // the caller's frame pointer, the return address
        if (!words[1]) break;
        print_place(words[1]);
        if (words[0] <= frame) break;
        frame = words[0];
    }
    if (Vcpu* vcpu = running_vcpu(cpu)) {
        print("cpu {} ran d{}v{}, its registers:", {cpu.id, vcpu->domain->id, vcpu->id});
        print_registers(guest_frame(cpu));
    } else {
        print("cpu {} ran no vCPU", {cpu.id});
    }
    if (!hal::reboot_allowed()) hal::machine_halt();
    print("rebooting", {});
    hal::machine_reboot();
}

// A panic within a panic says so once and stops; of two on two CPUs the first one is told.
void begin() {
    cpu::cli();
    if (this_cpu().panicking++ == 0) {
        smp::stop_others();
        return serial::finish();
    }
    serial::finish();
    print("panic within a panic", {});
    cpu::halt_for_good();
}
}  // namespace

void panic(char const* reason, char const* file, int line) {
    begin();
    print("PANIC: {} ({}:{})", {reason, file, line});
    finish(reinterpret_cast<u64>(__builtin_return_address(0)),
           *reinterpret_cast<u64 const*>(__builtin_frame_address(0)));
}

void panic_on_exception(abi::CpuUserRegs const& regs) {
    begin();
    print("PANIC: exception {} error code {x} at {x}, cr2 {x} cr3 {x}",
          {regs.entry_vector, regs.error_code, regs.rip, cpu::read_cr2(), cpu::read_cr3()});
    print_registers(regs);
    finish(regs.rip, regs.rbp);
}
}  // namespace hv
