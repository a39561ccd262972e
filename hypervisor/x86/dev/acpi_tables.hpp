// SPDX-License-Identifier: MIT
// Reading ACPI tables as bytes: firmware's own data, checked before it is believed. Pure, tested hosted.
#pragma once
#include <cstddef>
#include <optional>
#include <span>
#include "base/types.hpp"

namespace hv::acpi {
inline constexpr u32 header_size = 36;

template <class T>
T read(std::byte const* at) {
    T value;
    __builtin_memcpy(&value, at, sizeof(T));
    return value;
}

template <usize Size>
bool is_signature(std::byte const* at, char const (&text)[Size]) {
    return __builtin_memcmp(at, text, Size - 1) == 0;
}

inline bool sums_to_zero(std::span<std::byte const> bytes) {
    u32 sum = 0;
    for (std::byte byte : bytes) sum += static_cast<u8>(byte);
    return (sum & 0xff) == 0;
}

// Calls visit(type, entry, length) for the variable entries of a MADT.
template <class F>
void for_each_madt_entry(std::byte const* madt, F&& visit) {
    u32 length = read<u32>(madt + 4);
    for (u32 at = 44; at + 2 <= length;) {
        u32 size = read<u8>(madt + at + 1);
        if (size < 2 || size > length - at) return;
        visit(read<u8>(madt + at), madt + at, size);
        at += size;
    }
}

struct Processor {
    u32 apic_id;
    u32 acpi_id;
};

// The processor that a MADT's entry is about, if it is about one that is enabled: a local APIC, or an x2APIC where
// the number needs more than eight bits (5.2.12.2, 5.2.12.12).
std::optional<Processor> processor_in(u8 type, std::byte const* entry, u32 length);

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
}  // namespace hv::acpi
