// SPDX-License-Identifier: MIT
#include "x86/dev/acpi.hpp"
#include "base/log.hpp"
#include "core/hal.hpp"
#include "x86/cpu/instructions.hpp"
#include "x86/mm/paging.hpp"

namespace hv::acpi {
namespace {
struct Machine {
    Maddr local_apic{0xfee0'0000};
    std::array<Processor, max_cpus> processors{};
    usize processor_count = 0;
    std::array<IoApicEntry, 16> ioapics{};
    usize ioapic_count = 0;
    std::array<IrqRouting, 16> isa{};
    u16 pm1a_control = 0;
    u16 pm1b_control = 0;
    std::optional<SleepTypes> soft_off{};
    PortRegister reset{};
    u16 timer = 0;
    Maddr hpet{0};
    u64 rsdp = 0;
};
constinit Machine machine{};

// Tables above what boot.S mapped cannot be read; firmware keeps them below 4 GiB.
std::byte const* physical(u64 address, u64 size) {
    constexpr u64 limit = u64{4} << 30;
    return address && address < limit && size <= limit - address ? paging::direct_map(Maddr{address}) : nullptr;
}

std::byte const* table_at(u64 address) {
    std::byte const* header = physical(address, header_size);
    if (!header) return nullptr;
    u32 length = read<u32>(header + 4);
    return length >= header_size && physical(address, length) && sums_to_zero({header, length}) ? header : nullptr;
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

void add_processor(Processor processor) {
    if (machine.processor_count < machine.processors.size()) machine.processors[machine.processor_count++] = processor;
}

void use_madt(std::byte const* madt) {
    machine.local_apic = Maddr{read<u32>(madt + 36)};
    for_each_madt_entry(madt, [](u8 type, std::byte const* entry, u32 length) {
        if (std::optional<Processor> processor = processor_in(type, entry, length)) {
            add_processor(*processor);
        } else if (type == 1 && length >= 12) {
            if (machine.ioapic_count < machine.ioapics.size())
                machine.ioapics[machine.ioapic_count++] = {.address = Maddr{read<u32>(entry + 4)},
                                                           .gsi_base = read<u32>(entry + 8)};
        } else if (type == 2 && length >= 10 && read<u8>(entry + 3) < machine.isa.size()) {  // an ISA interrupt moved
            u16 flags = read<u16>(entry + 8);
            machine.isa[read<u8>(entry + 3)] = {
                .gsi = read<u32>(entry + 4),
                .wiring = {.level = (flags >> 2 & 3) == 3, .active_low = (flags & 3) == 3}};
        } else if (type == 5 && length >= 12) {
            machine.local_apic = Maddr{read<u64>(entry + 4)};
        }
    });
}

void use_fadt(std::byte const* fadt) {
    u32 length = read<u32>(fadt + 4);
    machine.pm1a_control = static_cast<u16>(read<u32>(fadt + 64));
    machine.pm1b_control = static_cast<u16>(read<u32>(fadt + 68));
    machine.timer = timer_port_in({fadt, length});
    bool has_reset = length >= 129 && read<u32>(fadt + 112) & 1u << 10;
    if (has_reset && read<u8>(fadt + 116) == 1)  // in I/O space
        machine.reset = {.port = static_cast<u16>(read<u64>(fadt + 120)), .value = read<u8>(fadt + 128)};
    u64 dsdt_address = read<u32>(fadt + 40);
    if (length >= 148 && read<u64>(fadt + 140)) dsdt_address = read<u64>(fadt + 140);
    if (std::byte const* dsdt = table_at(dsdt_address)) machine.soft_off = find_soft_off({dsdt, read<u32>(dsdt + 4)});
}

void use_table(u64 address) {
    std::byte const* table = table_at(address);
    if (!table) return;
    if (is_signature(table, "APIC")) use_madt(table);
    if (is_signature(table, "FACP")) use_fadt(table);
    if (is_signature(table, "HPET")) machine.hpet = Maddr{hpet_in({table, read<u32>(table + 4)})};
}

constexpr u16 sleep_enable = 1u << 13;
constexpr u16 sleep_type_mask = 7u << 10;

u16 with_sleep_type(u16 port, u16 type) {
    return port ? static_cast<u16>((cpu::inw(port) & ~sleep_type_mask) | (type & 7) << 10) : u16{0};
}
}  // namespace

void read_tables(boot::BootInfo const& info) {
    for (u8 irq = 0; irq < machine.isa.size(); ++irq) machine.isa[irq].gsi = irq;
    std::byte const* rsdp = find_rsdp(info);
    if (!rsdp) return log::warn("ACPI: no tables found; one processor, no power off");
    machine.rsdp = static_cast<u64>(rsdp - paging::direct_map(Maddr{0}));
    u64 xsdt_address = read<u8>(rsdp + 15) >= 2 ? read<u64>(rsdp + 24) : 0;
    std::byte const* root = xsdt_address ? table_at(xsdt_address) : nullptr;
    u32 entry_size = root ? 8 : 4;
    if (!root) root = table_at(read<u32>(rsdp + 16));
    if (!root) return log::warn("ACPI: the root table cannot be read");
    u32 length = read<u32>(root + 4);
    for (u32 at = header_size; at + entry_size <= length; at += entry_size)
        use_table(entry_size == 8 ? read<u64>(root + at) : read<u32>(root + at));
}

Maddr local_apic_address() { return machine.local_apic; }
std::span<Processor const> processors() { return {machine.processors.data(), machine.processor_count}; }
std::span<IoApicEntry const> ioapics() { return {machine.ioapics.data(), machine.ioapic_count}; }
IrqRouting routing_of_isa_irq(u8 irq) { return machine.isa[irq & 15]; }
ioapic::Wiring wiring_of_gsi(u32 gsi) {
    for (IrqRouting const& isa : machine.isa)
        if (isa.gsi == gsi) return isa.wiring;
    return {.level = true, .active_low = true};  // a PCI interrupt
}
u64 rsdp_address() { return machine.rsdp; }
u16 timer_port() { return machine.timer; }
Maddr hpet_address() { return machine.hpet; }
PortRegister reset_register() { return machine.reset; }

void power_off() {
    if (!machine.soft_off) return;
    (void)hal::acpi_sleep(5, with_sleep_type(machine.pm1a_control, machine.soft_off->pm1a),
                          with_sleep_type(machine.pm1b_control, machine.soft_off->pm1b));
}
}  // namespace hv::acpi

bool hv::hal::acpi_sleep(u32, u16 pm1a, u16 pm1b) {
    using acpi::machine, acpi::sleep_enable;
    if (!machine.pm1a_control) return false;
    cpu::wbinvd();
    cpu::outw(machine.pm1a_control, pm1a | sleep_enable);
    if (machine.pm1b_control) cpu::outw(machine.pm1b_control, pm1b | sleep_enable);
    return true;
}
