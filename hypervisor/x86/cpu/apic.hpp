// SPDX-License-Identifier: MIT
// The interrupt controllers. The local APIC (Intel SDM volume 3, chapter 11), in x2APIC mode where there is one: end of
// interrupt, IPIs, a one-shot timer. The IO-APICs (82093AA data sheet): everything masked at the start, then one input
// after the other by its GSI.
#pragma once
#include "portable/base/types.hpp"

namespace hv::apic {
void turn_off_pic();   // the old interrupt controllers only have to be quiet
void map(Maddr base);  // once
void init_cpu();       // on each CPU
void end_of_interrupt();
u32 take_error();
void send_ipi(CpuId cpu, u8 vector);
void send_init(u32 apic_id);
void send_start(u32 apic_id, u8 page);  // it begins in real mode at that page
void send_nmi(CpuId cpu);
u32 own_id();
bool can_reach(u32 apic_id);  // larger ids only in x2APIC mode

// The timer counts down in its own ticks; calibration (cpu/time.cpp) knows how many make a second.
void start_timer(u32 ticks);  // 0 stops it
u32 timer_count();

// The registers in both modes (11.4.1 and 11.12.1), tested hosted.
enum Register : u32 {  // offsets in the xAPIC's window
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

// In x2APIC mode 16 bytes of the window are one MSR.
constexpr u32 msr_of(Register reg) { return 0x800 + reg / 16; }

// An id of 32 bits in x2APIC mode, of 8 otherwise, of which the last one is everybody.
constexpr bool can_address(u32 apic_id, bool x2apic) { return apic_id < (x2apic ? ~0u : 0xffu); }
constexpr u64 x2apic_command(u32 apic_id, u32 command) { return u64{apic_id} << 32 | command; }
constexpr u32 xapic_destination(u32 apic_id) { return apic_id << 24; }
constexpr u32 id_in(u32 id_value, bool x2apic) { return x2apic ? id_value : id_value >> 24; }
}  // namespace hv::apic

namespace hv::ioapic {
struct Wiring {
    bool level = false;
    bool active_low = false;
};

void add(Maddr address, u32 gsi_base);  // from ACPI; masks all its inputs

// An input by its GSI, which is below hal::gsi_count(). Numbers that no IO-APIC has do nothing.
void set_entry(u32 gsi, u8 vector, Wiring wiring, bool masked);
void set_destination(u32 gsi, CpuId cpu);
u32 destination_of(CpuId cpu);  // devices know 8 bits of an APIC id; CPUs beyond are represented by the first one
}  // namespace hv::ioapic
