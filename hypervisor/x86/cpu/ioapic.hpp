// SPDX-License-Identifier: MIT
// The IO-APICs (82093AA data sheet): everything masked at the start, then one input after the other by its GSI.
#pragma once

#include <optional>

#include "base/types.hpp"

namespace hv::ioapic {

struct Wiring {
    bool level = false;
    bool active_low = false;
};

void add(Maddr address, u32 gsi_base);  // from ACPI; masks all its inputs
u32 gsi_count();

// Routes an input to a vector on a CPU, still masked. False if no IO-APIC has that input.
bool route(u32 gsi, u8 vector, CpuId cpu, Wiring wiring);
void mask(u32 gsi);
void unmask(u32 gsi);
bool is_masked(u32 gsi);

std::optional<u32> read(Maddr base, u32 reg);  // a register as dom0 may look at it

}  // namespace hv::ioapic
