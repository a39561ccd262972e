// SPDX-License-Identifier: MIT
// Reads the information structures of multiboot 1 and 2.
#pragma once
#include "x86/boot/boot_info.hpp"

namespace hv::boot {
inline constexpr u32 multiboot1_magic = 0x2bad'b002;
inline constexpr u32 multiboot2_magic = 0x36d7'6289;

// `physical` turns a physical address below 4 GiB into a pointer.
using PhysicalMap = std::byte const* (*)(u64 address);

void read_multiboot1(u64 information, PhysicalMap physical, BootInfo& info);
void read_multiboot2(u64 information, PhysicalMap physical, BootInfo& info);

// What a loader that hands over `file arguments` means by it.
std::string_view without_first_word(std::string_view text);
}  // namespace hv::boot
