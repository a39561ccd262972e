// SPDX-License-Identifier: MIT
// Kernels as files hold them: packed by any of Linux's compressors, in a bzImage.
#pragma once
#include "unpack/decompress.hpp"

#include "tests/unit/hypervisor/portable/kernel/kernel_file.hpp"

namespace test {
Bytes pack(std::span<std::byte const> data, paravane::Compression compression);
// With Linux's boot header; the unpacked size is appended to the payload as Linux does it.
Bytes make_bzimage(std::span<std::byte const> elf, paravane::Compression compression);
}  // namespace test
