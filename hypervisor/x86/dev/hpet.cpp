// SPDX-License-Identifier: MIT
#include "x86/dev/hpet.hpp"
#include "x86/dev/acpi.hpp"
#include "x86/mm/paging.hpp"

namespace hv::hpet {
namespace {
enum Register : u32 { period = 0x004, configuration = 0x010, main_counter = 0x0f0 };
constexpr u32 enable = 1u << 0;
constexpr u64 femtoseconds = 1'000'000'000'000'000;
constexpr u32 longest_period = 0x05f5'e100;  // by the specification: anything else is no HPET

constinit u64 window_address = 0;
constinit u64 frequency = 0;

u32 volatile& at(Register reg) { return *reinterpret_cast<u32 volatile*>(window_address + reg); }
}  // namespace

bool start() {
    if (frequency) return true;
    if (acpi::hpet_address() == Maddr{0}) return false;
    window_address = paging::map_device(acpi::hpet_address(), page_size);
    u32 const one_tick = at(period);
    if (!one_tick || one_tick > longest_period) return false;
    at(configuration) = at(configuration) | enable;
    frequency = femtoseconds / one_tick;
    return true;
}

u64 hz() { return frequency; }
u32 count() { return at(main_counter); }
}  // namespace hv::hpet
