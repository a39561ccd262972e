// SPDX-License-Identifier: MIT
#include "x86/dev/acpi.hpp"

namespace hv::acpi {
namespace {
// ACPI Machine Language, specification 6.4, section 20.2.
constexpr u8 name_op = 0x08, package_op = 0x12, zero_op = 0x00, one_op = 0x01, ones_op = 0xff, byte_prefix = 0x0a,
             word_prefix = 0x0b, double_word_prefix = 0x0c, quadruple_word_prefix = 0x0e;

// A constant at `at`, which moves behind it.
std::optional<u64> constant(std::span<std::byte const> code, usize& at) {
    u8 const op = field<u8>(code, at);
    usize const size = op == byte_prefix             ? 1
                       : op == word_prefix           ? 2
                       : op == double_word_prefix    ? 4
                       : op == quadruple_word_prefix ? 8
                                                     : 0;
    if (at >= code.size() || size > code.size() - at - 1) return std::nullopt;
    if (!size && op != zero_op && op != one_op && op != ones_op) return std::nullopt;
    u64 value = size ? 0 : op;
    __builtin_memcpy(&value, &code[at] + 1, size);
    at += 1 + size;
    return value;
}

// The two numbers of a package whose op is at `at`. With one element, each is a byte of that.
std::optional<SleepTypes> sleep_types(std::span<std::byte const> code, usize at) {
    if (field<u8>(code, at) != package_op) return std::nullopt;
    at += 2 + (field<u8>(code, at + 1) >> 6);  // behind the length and its further bytes
    u8 const count = field<u8>(code, at++);
    std::optional<u64> pm1a = constant(code, at);
    if (!count || !pm1a) return std::nullopt;
    if (count == 1) return SleepTypes{.pm1a = static_cast<u8>(*pm1a), .pm1b = static_cast<u8>(*pm1a >> 8)};
    std::optional<u64> pm1b = constant(code, at);
    if (!pm1b) return std::nullopt;
    return SleepTypes{.pm1a = static_cast<u16>(*pm1a), .pm1b = static_cast<u16>(*pm1b)};
}
}  // namespace

std::optional<Processor> processor_in(u8 type, std::span<std::byte const> entry) {
    constexpr u8 local_apic = 0, local_x2apic = 9;
    constexpr u32 enabled = 1, nobody = 0xff, nobody_x2apic = ~u32{0};  // those are for all of them
    if (type == local_apic && entry.size() >= 8 && read<u32>(&entry[4]) & enabled && read<u8>(&entry[3]) != nobody)
        return Processor{.apic_id = read<u8>(&entry[3]), .acpi_id = read<u8>(&entry[2])};
    if (type == local_x2apic && entry.size() >= 16 && read<u32>(&entry[8]) & enabled &&
        read<u32>(&entry[4]) != nobody_x2apic)
        return Processor{.apic_id = read<u32>(&entry[4]), .acpi_id = read<u32>(&entry[12])};
    return std::nullopt;
}

u16 timer_port_in(std::span<std::byte const> fadt) {
    constexpr usize old_port = 76, length = 91, new_register = 208, register_size = 12;
    constexpr u8 in_ports = 1;
    if (fadt.size() <= length || read<u8>(&fadt[length]) != 4) return 0;
    u64 port = read<u32>(&fadt[old_port]);
    if (fadt.size() >= new_register + register_size && read<u64>(&fadt[new_register + 4])) {
        if (read<u8>(&fadt[new_register]) != in_ports) return 0;
        port = read<u64>(&fadt[new_register + 4]);
    }
    return port <= 0xfffc ? static_cast<u16>(port) : u16{0};
}

u64 hpet_in(std::span<std::byte const> table) {
    constexpr usize space = 40, address = 44;
    constexpr u8 in_memory = 0;
    constexpr u64 limit = u64{4} << 30;
    if (table.size() < address + 8 || read<u8>(&table[space]) != in_memory) return 0;
    u64 const base = read<u64>(&table[address]);
    return base < limit && base % 1024 == 0 ? base : 0;
}

void InterruptControllers::add(std::span<std::byte const> madt) {
    constexpr u8 io_apic = 1, interrupt_override = 2, local_apic_override = 5;
    if (u32 address = field<u32>(madt, 36)) local_apic = Maddr{address};
    for_each_madt_entry(madt, [&](u8 type, std::span<std::byte const> entry) {
        if (std::optional<Processor> processor = processor_in(type, entry)) {
            bool known = false;
            for (usize i = 0; i < processor_count; ++i) known = known || processors[i].apic_id == processor->apic_id;
            if (!known && processor_count < processors.size()) processors[processor_count++] = *processor;
        } else if (type == io_apic && entry.size() >= 12) {
            IoApicEntry const found{.address = Maddr{read<u32>(&entry[4])}, .gsi_base = read<u32>(&entry[8])};
            bool known = false;
            for (usize i = 0; i < ioapic_count; ++i) known = known || ioapics[i].address == found.address;
            if (!known && ioapic_count < ioapics.size()) ioapics[ioapic_count++] = found;
        } else if (type == interrupt_override && entry.size() >= 10 && read<u8>(&entry[3]) < isa.size()) {
            u16 flags = read<u16>(&entry[8]);
            isa[read<u8>(&entry[3])] = {.gsi = read<u32>(&entry[4]),
                                        .wiring = {.level = (flags >> 2 & 3) == 3, .active_low = (flags & 3) == 3}};
        } else if (type == local_apic_override && entry.size() >= 12) {
            local_apic = Maddr{read<u64>(&entry[4])};
        }
    });
}

FixedHardware read_fadt(std::span<std::byte const> fadt) {
    constexpr u32 has_reset = 1u << 10;
    constexpr u8 io_space = 1;
    FixedHardware found{.pm1a_control = static_cast<u16>(field<u32>(fadt, 64)),
                        .pm1b_control = static_cast<u16>(field<u32>(fadt, 68)),
                        .dsdt = field<u32>(fadt, 40)};
    if (fadt.size() >= 129 && field<u32>(fadt, 112) & has_reset && field<u8>(fadt, 116) == io_space)
        found.reset = {.port = static_cast<u16>(field<u64>(fadt, 120)), .value = field<u8>(fadt, 128)};
    if (u64 extended = field<u64>(fadt, 140)) found.dsdt = extended;
    return found;
}

RootTables read_rsdp(std::span<std::byte const> rsdp) {
    RootTables found{.rsdt = field<u32>(rsdp, 16)};
    constexpr u32 size_of_2 = 36;
    bool const second = field<u8>(rsdp, 15) >= 2 && rsdp.size() >= size_of_2 && field<u32>(rsdp, 20) >= size_of_2 &&
                        sums_to_zero(rsdp.first(size_of_2));
    if (second) found.xsdt = field<u64>(rsdp, 24);
    return found;
}

std::optional<SleepTypes> find_soft_off(std::span<std::byte const> dsdt) {
    constexpr usize name_size = 4;
    for (usize name = header_size; name + name_size < dsdt.size(); ++name) {
        if (!is_signature(&dsdt[name], "_S5_")) continue;
        u8 before = read<u8>(&dsdt[name - 1]), op = before == '\\' ? read<u8>(&dsdt[name - 2]) : before;
        if (op != name_op) continue;
        if (std::optional<SleepTypes> found = sleep_types(dsdt, name + name_size)) return found;
    }
    return std::nullopt;
}
}  // namespace hv::acpi
