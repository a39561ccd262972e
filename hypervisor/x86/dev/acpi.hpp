// SPDX-License-Identifier: MIT
// The few things the hypervisor needs of ACPI (specification 6.4): processors, interrupt controllers, and how to turn
// the machine off. Dom0's kernel does the rest.
#pragma once
#include <span>
#include "x86/boot/boot_info.hpp"
#include "x86/dev/acpi_tables.hpp"

namespace hv::acpi {
// Reads everything; while the first 4 GiB are mapped, before paging::init.
void read_tables(boot::BootInfo const& info);

Maddr local_apic_address();
std::span<Processor const> processors();
std::span<IoApicEntry const> ioapics();
IrqRouting routing_of_isa_irq(u8 irq);
ioapic::Wiring wiring_of_gsi(u32 gsi);
u64 rsdp_address();  // of the root pointer; 0: there is none
PortRegister reset_register();
u16 timer_port();      // of a clock that counts at 3.58 MHz, 24 bits of it at least; 0: there is none
Maddr hpet_address();  // 0: there is none

// Soft off with the values of the DSDT's \_S5_ object. Returns if that did not work.
void power_off();
}  // namespace hv::acpi
