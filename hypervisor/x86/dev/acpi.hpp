// SPDX-License-Identifier: MIT
// The few things the hypervisor needs of ACPI (specification 6.4): processors, interrupt controllers, and how to turn
// the machine off. Dom0's kernel does the rest.
#pragma once
#include "x86/boot/boot_info.hpp"
#include "x86/dev/acpi_tables.hpp"

namespace hv::acpi {
struct Machine {
    InterruptControllers interrupts{};
    FixedHardware fixed{};
    std::optional<SleepTypes> soft_off{};
    u16 timer = 0;  // port of a clock that counts at 3.58 MHz, 24 bits of it at least; 0: there is none
    Maddr hpet{0};  // 0: there is none
    u64 rsdp = 0;   // address of the root pointer; 0: there is none
};
extern constinit Machine machine;  // once it has been read

// Reads everything; while the first 4 GiB are mapped, before paging::init.
void read_tables(boot::BootInfo const& info);

ioapic::Wiring wiring_of_gsi(u32 gsi);

// Soft off with the values of the DSDT's \_S5_ object. Returns if that did not work.
void power_off();
}  // namespace hv::acpi
