// SPDX-License-Identifier: MIT
// The few things the hypervisor needs of ACPI (specification 6.4): processors, interrupt controllers, and how to turn
// the machine off. Dom0's kernel does the rest. Tables are read as bytes: firmware's own data, checked before it is
// believed; that part (acpi_tables.cpp) is pure, tested hosted.
#pragma once
#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include "x86/boot/boot_info.hpp"
#include "x86/cpu/apic.hpp"

namespace hv::acpi {
inline constexpr u32 header_size = 36;
inline constexpr u32 largest_table = 16u << 20;  // beyond it a length is a mistake, and to sum it would read devices

using boot::read;

template <usize Size>
bool is_signature(std::byte const* at, char const (&text)[Size]) {
    return __builtin_memcmp(at, text, Size - 1) == 0;
}

inline bool sums_to_zero(std::span<std::byte const> bytes) {
    u32 sum = 0;
    for (std::byte byte : bytes) sum += static_cast<u8>(byte);
    return (sum & 0xff) == 0;
}

// A field of a table, 0 where a table of an older version ends before it.
template <class T>
T field(std::span<std::byte const> table, usize at) {
    return at + sizeof(T) <= table.size() ? read<T>(&table[at]) : T{};
}

// Calls visit(type, entry) for the variable entries of a MADT.
template <class F>
void for_each_madt_entry(std::span<std::byte const> madt, F&& visit) {
    for (usize at = 44; at + 2 <= madt.size();) {
        usize size = read<u8>(&madt[at + 1]);
        if (size < 2 || size > madt.size() - at) return;
        visit(read<u8>(&madt[at]), madt.subspan(at, size));
        at += size;
    }
}

struct Processor {
    u32 apic_id;
    u32 acpi_id;
};

// The processor that a MADT's entry is about, if it is about one that is enabled: a local APIC, or an x2APIC where
// the number needs more than eight bits (5.2.12.2, 5.2.12.12).
std::optional<Processor> processor_in(u8 type, std::span<std::byte const> entry);

struct IoApicEntry {
    Maddr address;
    u32 gsi_base;
};

struct IrqRouting {
    u32 gsi = 0;
    ioapic::Wiring wiring{};
};

// What the MADTs of a machine say. A processor or an IO-APIC is there once, however often firmware lists it: some name
// each processor by both kinds of entries, and one that is started twice runs on two stacks.
struct InterruptControllers {
    Maddr local_apic{0xfee0'0000};
    std::array<Processor, max_cpus> processors{};
    usize processor_count = 0;
    std::array<IoApicEntry, 16> ioapics{};
    usize ioapic_count = 0;
    std::array<IrqRouting, 16> isa{};

    void add(std::span<std::byte const> madt);
    std::span<Processor const> processor_list() const { return {processors.data(), processor_count}; }
    std::span<IoApicEntry const> ioapic_list() const { return {ioapics.data(), ioapic_count}; }
};

// A register in I/O space; port 0: absent.
struct PortRegister {
    u16 port = 0;
    u8 value = 0;  // what to write, for the reset register
};

// What the FADT says.
struct FixedHardware {
    u16 pm1a_control = 0;
    u16 pm1b_control = 0;
    PortRegister reset{};
    u64 dsdt = 0;
};
FixedHardware read_fadt(std::span<std::byte const> fadt);

// Where the root pointer says the list of tables is, and how wide that list's entries are. The root pointer's second
// version has a length and a checksum of its own; without them, what the first version says counts.
struct RootTables {
    u32 rsdt = 0;
    u64 xsdt = 0;
};
RootTables read_rsdp(std::span<std::byte const> rsdp);

// The port of the ACPI timer that an FADT names (5.2.9); 0: there is none.
u16 timer_port_in(std::span<std::byte const> fadt);

// Where the HPET of an HPET table is (IA-PC HPET specification 1.0a, 3.2.4); 0: nowhere that we can read.
u64 hpet_in(std::span<std::byte const> table);

struct SleepTypes {
    u16 pm1a;
    u16 pm1b;
};

// The package \_S5_ in a DSDT's byte code. It is always declared with constants, so that looking for its name and
// reading the two numbers behind it spares an interpreter.
std::optional<SleepTypes> find_soft_off(std::span<std::byte const> dsdt);

struct Machine {
    InterruptControllers interrupts{};
    FixedHardware fixed{};
    std::optional<SleepTypes> soft_off{};
    u16 timer = 0;  // port of a clock that counts at 3.58 MHz, 24 bits of it at least; 0: there is none
    Maddr hpet{0};  // 0: there is none
    u64 rsdp = 0;   // address of the root pointer; 0: there is none
};
extern constinit Machine machine;  // once it has been read

// Reads everything; while the first 4 GiB are mapped, before paging::init.
void read_tables(boot::BootInfo const& info);

ioapic::Wiring wiring_of_gsi(u32 gsi);

// Soft off with the values of the DSDT's \_S5_ object. Returns if that did not work.
void power_off();
}  // namespace hv::acpi
