// SPDX-License-Identifier: MIT
#include "x86/dev/acpi_tables.hpp"

namespace hv::acpi {
namespace {
// ACPI Machine Language, specification 6.4, section 20.2.
constexpr u8 name_op = 0x08, package_op = 0x12, zero_op = 0x00, one_op = 0x01, ones_op = 0xff, byte_prefix = 0x0a,
             word_prefix = 0x0b, double_word_prefix = 0x0c;

// A constant at `at`, which moves behind it.
std::optional<u16> constant(std::span<std::byte const> code, usize& at) {
    if (at + 5 > code.size()) return std::nullopt;  // the longest one
    u8 op = read<u8>(&code[at++]);
    if (op == zero_op || op == one_op || op == ones_op) return op;
    u16 value = op == byte_prefix ? read<u8>(&code[at]) : read<u16>(&code[at]);
    at += op == byte_prefix ? 1 : op == word_prefix ? 2 : 4;
    return op >= byte_prefix && op <= double_word_prefix ? std::optional{value} : std::nullopt;
}
}  // namespace

std::optional<Processor> processor_in(u8 type, std::byte const* entry, u32 length) {
    constexpr u8 local_apic = 0, local_x2apic = 9;
    constexpr u32 enabled = 1;
    if (type == local_apic && length >= 8 && read<u32>(entry + 4) & enabled)
        return Processor{.apic_id = read<u8>(entry + 3), .acpi_id = read<u8>(entry + 2)};
    if (type == local_x2apic && length >= 16 && read<u32>(entry + 8) & enabled)
        return Processor{.apic_id = read<u32>(entry + 4), .acpi_id = read<u32>(entry + 12)};
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

std::optional<SleepTypes> find_soft_off(std::span<std::byte const> dsdt) {
    for (usize name = header_size; name + 8 < dsdt.size(); ++name) {
        if (!is_signature(&dsdt[name], "_S5_")) continue;
        u8 before = read<u8>(&dsdt[name - 1]), op = before == '\\' ? read<u8>(&dsdt[name - 2]) : before;
        if (op != name_op || read<u8>(&dsdt[name + 4]) != package_op) continue;
        usize at = name + 6 + (read<u8>(&dsdt[name + 5]) >> 6) + 1;  // behind length, its further bytes, and count
        std::optional<u16> pm1a = constant(dsdt, at);
        std::optional<u16> pm1b = constant(dsdt, at);
        if (pm1a && pm1b) return SleepTypes{.pm1a = *pm1a, .pm1b = *pm1b};
    }
    return std::nullopt;
}
}  // namespace hv::acpi
