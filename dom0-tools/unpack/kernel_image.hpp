// SPDX-License-Identifier: MIT
// Kernel files as distributions ship them, down to the ELF that the loader takes (portable/kernel). Pure functions over
// bytes that nobody vouches for.
#pragma once
#include "os/error.hpp"

#include <cstddef>
#include <span>

#include "portable/kernel/image.hpp"

namespace paravane {
bool is_elf(std::span<std::byte const> file);

// Fills `out` with the ELF inside a bzImage or a compressed file, or with the file itself when it is an ELF already.
// How much of it.
Result<std::size_t> unpack_kernel(std::span<std::byte const> file, std::span<std::byte> out);

// A guest's, or why it cannot be one.
Result<hv::pv::KernelImage> parse_guest_kernel(std::span<std::byte const> elf);
}  // namespace paravane
