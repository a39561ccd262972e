// SPDX-License-Identifier: MIT
#include "x86/dev/pci.hpp"
#include "base/lock.hpp"
#include "x86/cpu/instructions.hpp"

namespace hv::pci {
namespace {
constexpr u16 address_port = 0xcf8;
constexpr u16 data_port = 0xcfc;
constinit Spinlock<LockRank::pci_ports> lock;

constinit bool shared = false;

// The register's low two bits choose the byte by the data port.
class Selected {
public:
    explicit Selected(u32 address) : before_{shared ? cpu::inl(address_port) : 0}, port_{data_port + (address & 3)} {
        cpu::outl(address_port, address & ~3u);
    }
    ~Selected() {
        if (shared) cpu::outl(address_port, before_);
    }
    u16 port() const { return static_cast<u16>(port_); }

private:
    SpinGuard<LockRank::pci_ports> guard_{lock};
    u32 before_;
    u32 port_;
};

// Offsets in the header.
constexpr u32 command = 0x04, status = 0x06, bars = 0x10, capabilities = 0x34;
constexpr u16 decodes_memory = 1u << 1;
constexpr u16 has_capabilities = 1u << 4;
}  // namespace

void share_ports() { shared = true; }
bool are_ports_shared() { return shared; }

u32 read(u32 address, u32 size) { return cpu::in(Selected{address}.port(), size); }
void write(u32 address, u32 size, u32 value) { cpu::out(Selected{address}.port(), size, value); }

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
