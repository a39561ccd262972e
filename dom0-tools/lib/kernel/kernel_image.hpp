// SPDX-License-Identifier: MIT
// Kernel files as distributions ship them, down to the ELF that the loader takes (portable/kernel). Pure functions over
// bytes that nobody vouches for.
#pragma once
#include "os/error.hpp"

#include <cstddef>
#include <span>
#include <vector>

#include "portable/kernel/image.hpp"

namespace paravane {
using hv::page_size;

// The ELF inside a bzImage, a compressed file, or the file itself when it is an ELF already.
Result<std::vector<std::byte>> unpack_kernel(std::vector<std::byte> file);

inline hv::pv::KernelFile kernel_file(std::span<std::byte const> elf) {
    return {reinterpret_cast<std::uint8_t const*>(elf.data()), elf.size()};
}

// A guest's, or why it cannot be one.
Result<hv::pv::KernelImage> parse_guest_kernel(std::span<std::byte const> elf);
}  // namespace paravane
