// SPDX-License-Identifier: MIT
// Message-signalled interrupts (PCI Local Bus Specification 3.0, section 6.8). The hypervisor writes the messages;
// dom0's kernel turns the capability on and off, and may see an MSI-X table but not write it.
#pragma once
#include "core/hal/irq.hpp"
#include "portable/base/result.hpp"
#include "x86/dev/pci.hpp"

namespace hv::msi {
// One message of a device: where it is stored, and with what it can be held back.
class Message {
public:
    Message() = default;
    static Result<Message> find(hal::MsiSource const& source);

    void write(u8 vector, CpuId cpu);  // and masked, where the device can do that
    void retarget(CpuId cpu);
    void set_masked(bool masked);

    bool is_in_memory() const { return entry_ != nullptr; }  // else in configuration space
    bool is_of(pci::Function function) const { return function_ == function; }
    bool operator==(Message const&) const = default;

private:
    pci::Function function_{};
    u8 address_at_ = 0;  // MSI: offsets in configuration space
    u8 data_at_ = 0;
    u8 mask_at_ = 0;                 // 0: cannot be masked
    u32 volatile* entry_ = nullptr;  // MSI-X
};
}  // namespace hv::msi
