// SPDX-License-Identifier: MIT
#include "x86/dev/pci.hpp"
#include "base/lock.hpp"
#include "x86/cpu/instructions.hpp"

namespace hv::pci {
namespace {
constexpr u16 address_port = 0xcf8;
constexpr u16 data_port = 0xcfc;
constinit Spinlock lock;

// The register's low two bits choose the byte by the data port.
u16 select(u32 address) {
    cpu::outl(address_port, address & ~3u);
    return static_cast<u16>(data_port + (address & 3));
}

// Offsets in the header.
constexpr u32 command = 0x04, status = 0x06, bars = 0x10, capabilities = 0x34;
constexpr u16 decodes_memory = 1u << 1;
constexpr u16 has_capabilities = 1u << 4;
}  // namespace

u32 read(u32 address, u32 size) {
    SpinGuard guard{lock};
    return cpu::in(select(address), size);
}

void write(u32 address, u32 size, u32 value) {
    SpinGuard guard{lock};
    cpu::out(select(address), size, value);
}

u8 find_capability(Function function, u8 id) {
    u16 bits = read16(function, status);
    if (bits == 0xffff || !(bits & has_capabilities)) return 0;
    u32 at = read(function.address(capabilities), 1) & 0xfc;
    for (u32 i = 0; at >= 0x40 && i < 48; ++i) {  // a list that runs in a circle ends too
        u16 entry = read16(function, at);
        if ((entry & 0xff) == id) return static_cast<u8>(at);
        at = entry >> 8 & 0xfc;
    }
    return 0;
}

std::optional<Maddr> memory_bar(Function function, u32 index) {
    if (index > 5 || !(read16(function, command) & decodes_memory)) return std::nullopt;
    u32 low = read32(function, bars + 4 * index);
    if (low & 1) return std::nullopt;  // ports
    bool is_wide = (low >> 1 & 3) == 2;
    u64 high = is_wide && index < 5 ? read32(function, bars + 4 * index + 4) : 0;
    u64 base = high << 32 | (low & ~0xfu);
    return base ? std::optional{Maddr{base}} : std::nullopt;
}
}  // namespace hv::pci
