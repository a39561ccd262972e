// SPDX-License-Identifier: MIT
// The IO-APICs (82093AA data sheet): everything masked at the start, then one input after the other by its GSI.
#pragma once
#include "core/hal/irq.hpp"
#include "portable/base/types.hpp"

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
