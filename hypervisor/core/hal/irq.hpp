// SPDX-License-Identifier: MIT
// Interrupts of devices, by the numbers (pirqs) that dom0 has for them; EventChannels::raise_pirq is called for each
// that arrives.
#pragma once
#include <optional>
#include "portable/base/result.hpp"

namespace hv::hal {
struct MsiSource {
    u16 segment = 0;
    u8 bus = 0;
    u8 devfn = 0;
    u32 entry = 0;       // in the MSI-X table
    u64 table_base = 0;  // 0: MSI
};
void connect_gsi(u32 pirq, u32 gsi);
Result<> connect_msi(u32 pirq, MsiSource const& source);  // nodev, nxio, inval: what it names is not there
void disconnect_irq(u32 pirq);
Result<> wire_gsi(u32 gsi, bool level, bool active_low);  // exist: it was before, or is in use
Result<> prepare_irq(u32 pirq);                           // busy: the hypervisor uses it; nospc: no vector is left
void enable_irq(u32 pirq);                                // a prepared one
void disable_irq(u32 pirq);
bool irq_needs_end(u32 pirq);  // level-triggered: silent after each interrupt until its end
void end_irq(u32 pirq);
void restore_msi(MsiSource const& device);
u32 gsi_count();                                      // inputs of all IO-APICs
std::optional<u32> ioapic_read(Maddr base, u32 reg);  // none: no IO-APIC at that address
}  // namespace hv::hal
