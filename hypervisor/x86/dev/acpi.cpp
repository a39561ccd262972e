// SPDX-License-Identifier: MIT
#include "x86/dev/acpi.hpp"
#include "base/log.hpp"
#include "core/hal/power.hpp"
#include "x86/cpu/instructions.hpp"
#include "x86/mm/paging.hpp"

namespace hv::acpi {
constinit Machine machine{};

namespace {
// Tables above what boot.S mapped cannot be read; firmware keeps them below 4 GiB.
std::byte const* physical(u64 address, u64 size) {
    constexpr u64 limit = u64{4} << 30;
    return address && address < limit && size <= limit - address ? paging::direct_map(Maddr{address}) : nullptr;
}

// A table as long as it says; empty if it cannot be believed.
std::span<std::byte const> table_at(u64 address) {
    std::byte const* header = physical(address, header_size);
    if (!header) return {};
    u32 length = read<u32>(header + 4);
    if (length < header_size || length > largest_table || !physical(address, length)) return {};
    std::span<std::byte const> table{header, length};
    return sums_to_zero(table) ? table : std::span<std::byte const>{};
}

// UEFI specification 2.10, section 4.6: a table of what else firmware has, each with a GUID.
std::byte const* rsdp_by_efi(u64 system_table) {
    constexpr u64 acpi_guid[] = {0x11d3'e4f1'8868'e871, 0x8188'3cc7'8000'22bc};
    constexpr u32 count_at = 104, tables_at = 112, entry_size = 24, most_entries = 256;
    std::byte const* system = physical(system_table, tables_at + 8);
    u64 count = system ? read<u64>(system + count_at) : 0;
    std::byte const* entry =
        count && count <= most_entries ? physical(read<u64>(system + tables_at), count * entry_size) : nullptr;
    for (u64 i = 0; entry && i < count; ++i, entry += entry_size)
        if (__builtin_memcmp(entry, acpi_guid, sizeof(acpi_guid)) == 0) return physical(read<u64>(entry + 16), 36);
    return nullptr;
}

std::byte const* find_rsdp(boot::BootInfo const& info) {
    auto fits = [](std::byte const* at) { return is_signature(at, "RSD PTR ") && sums_to_zero({at, 20}); };
    if (std::byte const* at = rsdp_by_efi(info.efi_system_table); at && fits(at)) return at;
    auto scan = [&](u64 start, u64 size) -> std::byte const* {
        for (u64 at = start; at + 20 <= start + size; at += 16)
            if (fits(paging::direct_map(Maddr{at}))) return paging::direct_map(Maddr{at});
        return nullptr;
    };
    u64 extended_bios_data = u64{read<u16>(paging::direct_map(Maddr{0x40e}))} << 4;
    if (extended_bios_data >= 0x400 && extended_bios_data < 0xa0000)
        if (std::byte const* at = scan(extended_bios_data, 1024)) return at;
    return scan(0xe0000, 0x20000);
}

void use_table(u64 address) {
    std::span<std::byte const> table = table_at(address);
    if (table.empty()) return;
    if (is_signature(table.data(), "APIC")) machine.interrupts.add(table);
    if (is_signature(table.data(), "HPET")) machine.hpet = Maddr{hpet_in(table)};
    if (!is_signature(table.data(), "FACP")) return;
    machine.timer = timer_port_in(table);
    machine.fixed = read_fadt(table);
    machine.soft_off = find_soft_off(table_at(machine.fixed.dsdt));
}

constexpr u16 sleep_enable = 1u << 13;
constexpr u16 sleep_type_mask = 7u << 10;

u16 with_sleep_type(u16 port, u16 type) {
    return port ? static_cast<u16>((cpu::inw(port) & ~sleep_type_mask) | (type & 7) << 10) : u16{0};
}
}  // namespace

void read_tables(boot::BootInfo const& info) {
    InterruptControllers& interrupts = machine.interrupts;
    for (u8 irq = 0; irq < interrupts.isa.size(); ++irq) interrupts.isa[irq].gsi = irq;
    std::byte const* rsdp = find_rsdp(info);
    if (!rsdp) return log::warn("ACPI: no tables found; one processor, no power off");
    machine.rsdp = static_cast<u64>(rsdp - paging::direct_map(Maddr{0}));
    RootTables const roots = read_rsdp({rsdp, 36});  // the second version, if it is one; mapped in any case
    std::span<std::byte const> root = table_at(roots.xsdt);
    u32 const entry_size = root.empty() ? 4 : 8;
    if (root.empty()) root = table_at(roots.rsdt);
    if (root.empty()) return log::warn("ACPI: the root table cannot be read");
    for (usize at = header_size; at + entry_size <= root.size(); at += entry_size)
        use_table(entry_size == 8 ? read<u64>(&root[at]) : read<u32>(&root[at]));
}

ioapic::Wiring wiring_of_gsi(u32 gsi) {
    for (IrqRouting const& isa : machine.interrupts.isa)
        if (isa.gsi == gsi) return isa.wiring;
    return {.level = true, .active_low = true};  // a PCI interrupt
}

void power_off() {
    if (!machine.soft_off) return;
    (void)hal::acpi_sleep(5, with_sleep_type(machine.fixed.pm1a_control, machine.soft_off->pm1a),
                          with_sleep_type(machine.fixed.pm1b_control, machine.soft_off->pm1b));
}
}  // namespace hv::acpi

bool hv::hal::acpi_sleep(u32, u16 pm1a, u16 pm1b) {
    using acpi::machine, acpi::sleep_enable;
    if (!machine.fixed.pm1a_control) return false;
    cpu::wbinvd();
    cpu::outw(machine.fixed.pm1a_control, pm1a | sleep_enable);
    if (machine.fixed.pm1b_control) cpu::outw(machine.fixed.pm1b_control, pm1b | sleep_enable);
    return true;
}
