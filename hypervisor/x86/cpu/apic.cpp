// SPDX-License-Identifier: MIT
#include "x86/cpu/apic.hpp"
#include <algorithm>
#include <array>
#include <span>
#include "base/lock.hpp"
#include "base/log.hpp"
#include "core/hal/irq.hpp"
#include "x86/cpu/instructions.hpp"
#include "x86/cpu/msr.hpp"
#include "x86/cpu/this_cpu.hpp"
#include "x86/dev/irq.hpp"
#include "x86/mm/paging.hpp"

namespace hv::apic {
namespace {
constexpr u32 masked = 1u << 16, enable = 1u << 8, delivery_pending = 1u << 12, divide_by_1 = 0xb;
constexpr u64 base_enable = 1u << 11, base_x2apic = 1u << 10;
constexpr u32 init_assert = 0x4500, start_up = 0x4600, nmi = 0x4400;

constinit u64 window_address = 0;
constinit bool x2apic = false;

u32 get(Register reg) {
    if (x2apic) return static_cast<u32>(msr::read(msr_of(reg)));
    return *reinterpret_cast<u32 volatile*>(window_address + reg);
}

void set(Register reg, u32 value) {
    if (x2apic) return msr::write(msr_of(reg), value);
    *reinterpret_cast<u32 volatile*>(window_address + reg) = value;
}

void send_command(u32 apic_id, u32 command) {
    if (x2apic) {
        asm volatile("mfence; lfence" : : : "memory");  // these writes do not wait for earlier ones to memory
        return msr::write(msr_of(command_low), x2apic_command(apic_id, command));
    }
    while (get(command_low) & delivery_pending) cpu::pause();
    set(command_high, xapic_destination(apic_id));
    set(command_low, command);
}
}  // namespace

// 8259A data sheet. Both are moved out of the exceptions' way before they are masked: a spurious interrupt needs no
// mask.
void turn_off_pic() {
    struct Write {
        u16 port;
        u8 first, second;  // for each of the two
    };
    // Initialisation in four words: begin; vectors from 0x20 and 0x28; the second is on input 2; 8086 mode. Then masks.
    constexpr Write writes[] = {
        {0x20, 0x11, 0x11}, {0x21, 0x20, 0x28}, {0x21, 0x04, 0x02}, {0x21, 0x01, 0x01}, {0x21, 0xff, 0xff}};
    for (Write const& write : writes) {
        cpu::outb(write.port, write.first);
        cpu::outb(write.port | 0x80, write.second);
    }
}

void map(Maddr base) { window_address = paging::map_device(base, page_size); }

void init_cpu() {
    constexpr u32 has_x2apic = 1u << 21;
    x2apic = cpu::cpuid(1).ecx & has_x2apic;
    msr::write(msr::apic_base, msr::read(msr::apic_base) | base_enable | (x2apic ? base_x2apic : 0));
    set(spurious_vector, enable | vector::spurious);
    set(task_priority, 0);
    set(divide, divide_by_1);
    set(timer_vector, vector::timer);  // one-shot
    set(initial_count, 0);
    set(local_int0, masked);
    set(local_int1, masked);
    set(error_vector, vector::apic_error);
    set(error_status, 0);
    this_cpu().apic_id = own_id();
}

u32 own_id() { return id_in(get(id_register), x2apic); }
bool can_reach(u32 apic_id) { return can_address(apic_id, x2apic); }
void end_of_interrupt() { set(eoi, 0); }
u32 take_error() {
    set(error_status, 0);  // a write latches what has gathered
    return get(error_status);
}

void send_ipi(CpuId cpu, u8 vector) { send_command(cpu_block(cpu).apic_id, vector); }
void send_init(u32 apic_id) { send_command(apic_id, init_assert); }
void send_start(u32 apic_id, u8 page) { send_command(apic_id, start_up | page); }
void send_nmi(CpuId cpu) { send_command(cpu_block(cpu).apic_id, nmi); }

void start_timer(u32 ticks) { set(initial_count, ticks); }
u32 timer_count() { return get(current_count); }
}  // namespace hv::apic

namespace hv::ioapic {
namespace {
constexpr u32 version_register = 1, first_entry = 0x10;
constexpr u32 entry_masked = 1u << 16, entry_level = 1u << 15, entry_active_low = 1u << 13;

struct IoApic {
    Maddr base{};
    u64 registers = 0;  // where they are mapped
    u32 gsi_base = 0;
    u32 inputs = 0;
};
constinit std::array<IoApic, 16> ioapics{};
constinit u32 count = 0;
constinit Spinlock<LockRank::ioapic> lock;  // an index register and a data register: two accesses belong together

u32 read_locked(IoApic const& ioapic, u32 reg) {
    *reinterpret_cast<u32 volatile*>(ioapic.registers) = reg;
    return *reinterpret_cast<u32 volatile*>(ioapic.registers + 0x10);
}
void write_locked(IoApic const& ioapic, u32 reg, u32 value) {
    *reinterpret_cast<u32 volatile*>(ioapic.registers) = reg;
    *reinterpret_cast<u32 volatile*>(ioapic.registers + 0x10) = value;
}

IoApic const* find(u32 gsi) {
    for (IoApic const& ioapic : std::span{ioapics.data(), count})
        if (gsi >= ioapic.gsi_base && gsi - ioapic.gsi_base < ioapic.inputs) return &ioapic;
    return nullptr;
}
// Entries are two registers: fixed delivery to a vector, physical destination.
void write_entry(u32 gsi, u32 half, u32 value) {
    IoApic const* ioapic = find(gsi);
    if (!ioapic) return;
    SpinGuard guard{lock};
    write_locked(*ioapic, first_entry + 2 * (gsi - ioapic->gsi_base) + half, value);
}
}  // namespace

void add(Maddr address, u32 gsi_base) {
    if (count == ioapics.size()) return log::warn("too many IO-APICs: the one at {:x} is left alone", address);
    IoApic& ioapic = ioapics[count];
    ioapic = {.base = address, .registers = paging::map_device(address, page_size), .gsi_base = gsi_base, .inputs = 0};
    SpinGuard guard{lock};
    ioapic.inputs = (read_locked(ioapic, version_register) >> 16 & 0xff) + 1;
    for (u32 input = 0; input < ioapic.inputs; ++input) write_locked(ioapic, first_entry + 2 * input, entry_masked);
    ++count;
}

void set_entry(u32 gsi, u8 vector, Wiring wiring, bool masked) {
    write_entry(gsi, 0,
                vector | (wiring.level ? entry_level : 0) | (wiring.active_low ? entry_active_low : 0) |
                    (masked ? entry_masked : 0));
}
void set_destination(u32 gsi, CpuId cpu) { write_entry(gsi, 1, destination_of(cpu) << 24); }
u32 destination_of(CpuId cpu) {
    u32 id = cpu_block(cpu).apic_id;
    return id < 0xff ? id : cpu_block(0).apic_id;
}
}  // namespace hv::ioapic

namespace hv::hal {
using namespace ioapic;

u32 gsi_count() {
    u32 end = 0;
    for (IoApic const& ioapic : std::span{ioapics.data(), count}) end = std::max(end, ioapic.gsi_base + ioapic.inputs);
    return end;
}

std::optional<u32> ioapic_read(Maddr base, u32 reg) {
    for (IoApic const& ioapic : std::span{ioapics.data(), count}) {
        if (ioapic.base != base) continue;
        SpinGuard guard{lock};
        return read_locked(ioapic, reg & 0xff);
    }
    return std::nullopt;
}
}  // namespace hv::hal
