// SPDX-License-Identifier: MIT
#include "x86/cpu/apic.hpp"
#include "base/assert.hpp"
#include "x86/cpu/instructions.hpp"
#include "x86/cpu/interrupts.hpp"
#include "x86/cpu/msr.hpp"
#include "x86/cpu/this_cpu.hpp"
#include "x86/mm/paging.hpp"

namespace hv::apic {
namespace {
enum Register : u32 {
    id_register = 0x20,
    task_priority = 0x80,
    eoi = 0xb0,
    spurious_vector = 0xf0,
    error_status = 0x280,
    command_low = 0x300,
    command_high = 0x310,
    timer_vector = 0x320,
    local_int0 = 0x350,
    local_int1 = 0x360,
    error_vector = 0x370,
    initial_count = 0x380,
    current_count = 0x390,
    divide = 0x3e0,
};
constexpr u32 masked = 1u << 16;
constexpr u32 enable = 1u << 8;
constexpr u32 delivery_pending = 1u << 12;
constexpr u32 divide_by_1 = 0xb;
constexpr u64 base_enable = 1u << 11;
constexpr u64 base_x2apic = 1u << 10;

constinit u64 window_address = 0;

u32 volatile& reg(u32 offset) { return *reinterpret_cast<u32 volatile*>(window_address + offset); }
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
    u64 base = msr::read(msr::apic_base);
    if (base & base_x2apic) panic("firmware left the APIC in x2APIC mode, which is not supported");
    msr::write(msr::apic_base, base | base_enable);
    reg(spurious_vector) = enable | vector::spurious;
    reg(task_priority) = 0;
    reg(divide) = divide_by_1;
    reg(timer_vector) = vector::timer;  // one-shot
    reg(initial_count) = 0;
    reg(local_int0) = masked;
    reg(local_int1) = masked;
    reg(error_vector) = vector::apic_error;
    reg(error_status) = 0;
    this_cpu().apic_id = reg(id_register) >> 24;
}

void end_of_interrupt() { reg(eoi) = 0; }
u32 take_error() {
    reg(error_status) = 0;  // a write latches what has gathered
    return reg(error_status);
}

void send_ipi(CpuId cpu, u8 vector) {
    while (reg(command_low) & delivery_pending) cpu::pause();
    reg(command_high) = cpu_block(cpu).apic_id << 24;
    reg(command_low) = vector;  // fixed delivery, edge
}

void start_timer(u32 ticks) { reg(initial_count) = ticks; }
u32 timer_count() { return reg(current_count); }
}  // namespace hv::apic
