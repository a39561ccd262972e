// SPDX-License-Identifier: MIT
#include "x86/pv/port_policy.hpp"
#include "core/domain.hpp"
#include "x86/cpu/instructions.hpp"
#include "x86/cpu/this_cpu.hpp"
#include "x86/dev/pci.hpp"

namespace hv::x86 {
namespace {
// The old interrupt controllers are the hypervisor's. The clock and the timers it has read at boot, and left to dom0.
constexpr PortRange fixed_denied[] = {{0x20, 2}, {0xa0, 2}};
constexpr PortRange config = {0xcf8, 8};        // PCI configuration, and the byte of system reset among it
constexpr PortRange unreachable = {0xfff8, 8};  // for the processor, which reads two bytes of the bitmap

constexpr u16 config_data = 0xcfc;
constexpr u32 config_enable = 1u << 31;

constexpr void close(PortBitmap& bitmap, PortRange range) {
    for (u32 port = range.first; port < range.first + u32{range.count}; ++port)
        bitmap[port / 8] |= static_cast<u8>(1u << (port % 8));
}
bool is_open(u32 port, u32 size) {
    for (u32 at = port; at < port + size; ++at)
        if (at > 0xffff || port_bitmap[at / 8] >> (at % 8) & 1) return false;
    return true;
}

constexpr u32 all_ones(u32 size) { return static_cast<u32>((u64{1} << (size * 8)) - 1); }
constexpr bool is_config_address(u32 port, u32 size) { return port == config.first && size == 4; }
constexpr bool is_config_data(u32 port, u32 size) { return port >= config_data && port + size <= config_data + 4; }
u32 config_register(Vcpu const& vcpu, u16 port) { return (vcpu.pci_config_address & ~3u) + (port & 3u); }

// What cannot be done as a whole is done byte by byte.
bool is_whole(u32 port, u32 size) {
    return size == 1 || is_open(port, size) || is_config_address(port, size) || is_config_data(port, size);
}
bool is_denied(u32 port) {
    return !is_open(port, 1) && port - config.first >= config.count && port < unreachable.first;
}
}  // namespace

u32 read_port(Vcpu& vcpu, u16 port, u32 size) {
    if (!vcpu.domain->privileged) return all_ones(size);
    if (!is_whole(port, size)) {
        u32 value = 0;
        for (u32 i = 0; i < size; ++i) value |= read_port(vcpu, static_cast<u16>(port + i), 1) << (8 * i);
        return value;
    }
    if (is_config_address(port, size)) return vcpu.pci_config_address;
    if (!is_config_data(port, size)) return is_denied(port) ? all_ones(size) : cpu::in(port, size);
    return vcpu.pci_config_address & config_enable ? pci::read(config_register(vcpu, port), size) : all_ones(size);
}

void write_port(Vcpu& vcpu, u16 port, u32 size, u32 value) {
    if (!vcpu.domain->privileged) return;
    if (!is_whole(port, size)) {
        for (u32 i = 0; i < size; ++i) write_port(vcpu, static_cast<u16>(port + i), 1, value >> (8 * i) & 0xff);
    } else if (is_config_address(port, size)) {
        vcpu.pci_config_address = value;
    } else if (!is_config_data(port, size)) {
        if (!is_denied(port)) cpu::out(port, size, value);
    } else if (vcpu.pci_config_address & config_enable) {
        pci::write(config_register(vcpu, port), size, value);
    }
}

void deny_ports(PortRange range) { close(port_bitmap, range); }

void open_config_ports() {
    static_assert(config.first % 8 == 0 && config.count == 8);
    port_bitmap[config.first / 8] = 0;
    pci::share_ports();
}

bool let_through(Vcpu const& vcpu, u16 port, u32 size) {
    u16 volatile& bitmap_offset = window::port_bitmap_offset(this_cpu().id);
    if (!vcpu.domain->privileged || !vcpu.in_kernel || vcpu.iopl == 0 || !is_open(port, size) ||
        bitmap_offset == window::ports_open)
        return false;
    bitmap_offset = window::ports_open;
    return true;
}
}  // namespace hv::x86

constinit hv::PortBitmap hv::port_bitmap = [] {
    using namespace hv::x86;
    PortBitmap bitmap{};
    for (PortRange range : fixed_denied) close(bitmap, range);
    close(bitmap, config);
    close(bitmap, unreachable);
    return bitmap;
}();
