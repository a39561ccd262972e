// SPDX-License-Identifier: MIT
// PCI configuration space by its two ports (PCI Local Bus Specification 3.0, 3.2.2.3.2). One lock makes the pair of
// accesses one, for the hypervisor and for dom0, whose accesses come here too. And its messages.
#pragma once
#include "core/hal/irq.hpp"

namespace hv::pci {
struct Function {
    u8 bus = 0;
    u8 devfn = 0;
    bool operator==(Function const&) const = default;
    u32 address(u32 offset) const { return 1u << 31 | u32{bus} << 16 | u32{devfn} << 8 | offset; }
};

// Dom0 uses the two ports without us, which only one vCPU may: from then on what it has selected stays selected.
void share_ports();
bool are_ports_shared();

// `address` as it is written to port 0xcf8.
u32 read(u32 address, u32 size);
void write(u32 address, u32 size, u32 value);

inline u16 read16(Function function, u32 offset) { return static_cast<u16>(read(function.address(offset), 2)); }
inline u32 read32(Function function, u32 offset) { return read(function.address(offset), 4); }
inline void write16(Function function, u32 offset, u16 value) { write(function.address(offset), 2, value); }
inline void write32(Function function, u32 offset, u32 value) { write(function.address(offset), 4, value); }

inline constexpr u8 capability_msi = 0x05;
inline constexpr u8 capability_msix = 0x11;
u8 find_capability(Function function, u8 id);  // its offset; 0: the function is not there, or has none

// Where a memory BAR points; nothing if it is not one or memory is not decoded.
std::optional<Maddr> memory_bar(Function function, u32 index);
}  // namespace hv::pci

// Message-signalled interrupts (PCI Local Bus Specification 3.0, section 6.8). The hypervisor writes the messages;
// dom0's kernel turns the capability on and off, and may see an MSI-X table but not write it.
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
