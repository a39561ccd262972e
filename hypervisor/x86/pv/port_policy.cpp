// SPDX-License-Identifier: MIT
#include "x86/pv/port_policy.hpp"
#include "base/lock.hpp"
#include "core/domain.hpp"
#include "x86/cpu/instructions.hpp"
#include "x86/cpu/this_cpu.hpp"
#include "x86/dev/pci.hpp"

namespace hv::x86 {
namespace {
// Interrupt controllers and timer 0 are the hypervisor's. Timer 2 is free: Linux measures the TSC with it.
constexpr PortRange fixed_denied[] = {{0x20, 2}, {0xa0, 2}, {0x40, 2}};
constexpr PortRange special[] = {{0x43, 1}, {0x61, 1}, {0x70, 2}, {0xcf8, 8}};
constexpr PortRange unreachable = {0xfff8, 8};  // for the processor, which reads two bytes of the bitmap

constexpr u16 pit_command = 0x43;
constexpr u16 system_control = 0x61;  // bits 0-1: timer 2 gate and speaker
constexpr u16 rtc_index = 0x70;
constexpr u16 rtc_data = 0x71;
constexpr u16 config_address = 0xcf8;
constexpr u16 config_data = 0xcfc;
constexpr u32 config_enable = 1u << 31;

// Index and data port are a pair: dom0's index is latched and programmed together with the data access.
constinit Spinlock rtc_lock{};

constexpr void close(PortBitmap& bitmap, PortRange range) {
    for (u32 port = range.first; port < range.first + u32{range.count}; ++port)
        bitmap[port / 8] |= static_cast<u8>(1u << (port % 8));
}
bool is_open(u32 port, u32 size) {
    for (u32 at = port; at < port + size; ++at)
        if (at > 0xffff || port_bitmap[at / 8] >> (at % 8) & 1) return false;
    return true;
}
bool is_special(u32 port) {
    for (PortRange range : special)
        if (port - range.first < range.count) return true;
    return false;
}
bool is_denied(u32 port) { return !is_open(port, 1) && !is_special(port) && port < unreachable.first; }

constexpr u32 all_ones(u32 size) { return static_cast<u32>((u64{1} << (size * 8)) - 1); }

bool is_config_data(u32 port, u32 size) { return port >= config_data && port + size <= config_data + 4; }

u32 read_one(Vcpu& vcpu, u16 port, u32 size) {
    if (port == config_address && size == 4) return vcpu.pci_config_address;
    if (is_config_data(port, size)) {
        if (!(vcpu.pci_config_address & config_enable)) return all_ones(size);
        return pci::read((vcpu.pci_config_address & ~3u) + (port & 3u), size);
    }
    if (port == rtc_index && size == 1) return vcpu.rtc_index;
    if (port == rtc_data && size == 1) {
        SpinGuard guard{rtc_lock};
        cpu::out(rtc_index, 1, vcpu.rtc_index);
        return cpu::in(rtc_data, 1);
    }
    return cpu::in(port, size);
}

void write_one(Vcpu& vcpu, u16 port, u32 size, u32 value) {
    if (port == config_address && size == 4) {
        vcpu.pci_config_address = value;
    } else if (is_config_data(port, size)) {
        if (!(vcpu.pci_config_address & config_enable)) return;
        pci::write((vcpu.pci_config_address & ~3u) + (port & 3u), size, value);
    } else if (port == rtc_index && size == 1) {
        vcpu.rtc_index = value & 0x7f;
    } else if (port == rtc_data && size == 1) {
        SpinGuard guard{rtc_lock};
        cpu::out(rtc_index, 1, vcpu.rtc_index);
        cpu::out(rtc_data, 1, value);
    } else if (port == pit_command && size == 1) {
        constexpr u32 channel_2 = 2u << 6;
        if ((value & 0xc0) == channel_2) cpu::out(pit_command, 1, value);
    } else if (port == system_control && size == 1) {
        cpu::out(system_control, 1, (cpu::in(system_control, 1) & ~3u) | (value & 3));
    } else {
        cpu::out(port, size, value);
    }
}

// An access that touches a special or denied port without being exactly it is done byte by byte.
bool is_plain(u32 port, u32 size) {
    bool whole = (port == config_address && size == 4) || is_config_data(port, size);
    return size == 1 || whole || is_open(port, size);
}
}  // namespace

u32 read_port(Vcpu& vcpu, u16 port, u32 size) {
    if (!vcpu.domain->privileged) return all_ones(size);
    if (is_plain(port, size)) return is_denied(port) ? all_ones(size) : read_one(vcpu, port, size);
    u32 value = 0;
    for (u32 i = 0; i < size; ++i) value |= read_port(vcpu, static_cast<u16>(port + i), 1) << (8 * i);
    return value;
}

void write_port(Vcpu& vcpu, u16 port, u32 size, u32 value) {
    if (!vcpu.domain->privileged) return;
    if (is_plain(port, size)) {
        if (!is_denied(port)) write_one(vcpu, port, size, value);
        return;
    }
    for (u32 i = 0; i < size; ++i) write_port(vcpu, static_cast<u16>(port + i), 1, value >> (8 * i) & 0xff);
}

void deny_ports(PortRange range) { close(port_bitmap, range); }

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
    for (PortRange range : special) close(bitmap, range);
    close(bitmap, unreachable);
    return bitmap;
}();
