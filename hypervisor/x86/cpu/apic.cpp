// SPDX-License-Identifier: MIT
#include "x86/cpu/apic.hpp"
#include "x86/cpu/apic_registers.hpp"
#include "x86/cpu/instructions.hpp"
#include "x86/cpu/interrupts.hpp"
#include "x86/cpu/msr.hpp"
#include "x86/cpu/this_cpu.hpp"
#include "x86/mm/paging.hpp"

namespace hv::apic {
namespace {
constexpr u32 masked = 1u << 16;
constexpr u32 enable = 1u << 8;
constexpr u32 delivery_pending = 1u << 12;
constexpr u32 divide_by_1 = 0xb;
constexpr u64 base_enable = 1u << 11;
constexpr u64 base_x2apic = 1u << 10;

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
