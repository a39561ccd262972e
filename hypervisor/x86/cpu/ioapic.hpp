// SPDX-License-Identifier: MIT
// The IO-APICs (82093AA data sheet): everything masked at the start, then one input after the other by its GSI.
#pragma once
#include "base/types.hpp"

namespace hv::ioapic {
struct Wiring {
    bool level = false;
    bool active_low = false;
};

void add(Maddr address, u32 gsi_base);  // from ACPI; masks all its inputs

// Routes an input to a vector on a CPU. False if no IO-APIC has that input.
bool route(u32 gsi, u8 vector, CpuId cpu, Wiring wiring);
}  // namespace hv::ioapic
