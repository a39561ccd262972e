// SPDX-License-Identifier: MIT
#include "x86/cpu/ioapic.hpp"
#include <algorithm>
#include <array>
#include <span>
#include "base/lock.hpp"
#include "base/log.hpp"
#include "core/hal/irq.hpp"
#include "x86/cpu/this_cpu.hpp"
#include "x86/mm/paging.hpp"

namespace hv::ioapic {
namespace {
constexpr u32 version_register = 1;
constexpr u32 first_entry = 0x10;
constexpr u32 entry_masked = 1u << 16;
constexpr u32 entry_level = 1u << 15;
constexpr u32 entry_active_low = 1u << 13;

struct IoApic {
    Maddr base{};
    u64 registers = 0;  // where they are mapped
    u32 gsi_base = 0;
    u32 inputs = 0;
};
constinit std::array<IoApic, 16> ioapics{};
constinit u32 count = 0;
constinit Spinlock<LockRank::ioapic> lock;  // an index register and a data register: two accesses belong together

u32 read_locked(IoApic const& ioapic, u32 reg) {
    *reinterpret_cast<u32 volatile*>(ioapic.registers) = reg;
    return *reinterpret_cast<u32 volatile*>(ioapic.registers + 0x10);
}
void write_locked(IoApic const& ioapic, u32 reg, u32 value) {
    *reinterpret_cast<u32 volatile*>(ioapic.registers) = reg;
    *reinterpret_cast<u32 volatile*>(ioapic.registers + 0x10) = value;
}

IoApic const* find(u32 gsi) {
    for (IoApic const& ioapic : std::span{ioapics.data(), count})
        if (gsi >= ioapic.gsi_base && gsi - ioapic.gsi_base < ioapic.inputs) return &ioapic;
    return nullptr;
}
// Entries are two registers: fixed delivery to a vector, physical destination.
void write_entry(u32 gsi, u32 half, u32 value) {
    IoApic const* ioapic = find(gsi);
    if (!ioapic) return;
    SpinGuard guard{lock};
    write_locked(*ioapic, first_entry + 2 * (gsi - ioapic->gsi_base) + half, value);
}
}  // namespace

void add(Maddr address, u32 gsi_base) {
    if (count == ioapics.size()) return log::warn("too many IO-APICs: the one at {:x} is left alone", address);
    IoApic& ioapic = ioapics[count];
    ioapic = {.base = address, .registers = paging::map_device(address, page_size), .gsi_base = gsi_base, .inputs = 0};
    SpinGuard guard{lock};
    ioapic.inputs = (read_locked(ioapic, version_register) >> 16 & 0xff) + 1;
    for (u32 input = 0; input < ioapic.inputs; ++input) write_locked(ioapic, first_entry + 2 * input, entry_masked);
    ++count;
}

void set_entry(u32 gsi, u8 vector, Wiring wiring, bool masked) {
    write_entry(gsi, 0,
                vector | (wiring.level ? entry_level : 0) | (wiring.active_low ? entry_active_low : 0) |
                    (masked ? entry_masked : 0));
}
void set_destination(u32 gsi, CpuId cpu) { write_entry(gsi, 1, destination_of(cpu) << 24); }
u32 destination_of(CpuId cpu) {
    u32 id = cpu_block(cpu).apic_id;
    return id < 0xff ? id : cpu_block(0).apic_id;
}
}  // namespace hv::ioapic

namespace hv::hal {
using namespace ioapic;

u32 gsi_count() {
    u32 end = 0;
    for (IoApic const& ioapic : std::span{ioapics.data(), count}) end = std::max(end, ioapic.gsi_base + ioapic.inputs);
    return end;
}

std::optional<u32> ioapic_read(Maddr base, u32 reg) {
    for (IoApic const& ioapic : std::span{ioapics.data(), count}) {
        if (ioapic.base != base) continue;
        SpinGuard guard{lock};
        return read_locked(ioapic, reg & 0xff);
    }
    return std::nullopt;
}
}  // namespace hv::hal
