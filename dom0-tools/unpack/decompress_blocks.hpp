// SPDX-License-Identifier: MIT
// The two formats that are rows of blocks of known length. As decompress(), for data that has their magic number.
#pragma once
#include "os/error.hpp"

#include <cstddef>
#include <span>

namespace paravane {
Result<std::size_t> unpack_lz4_legacy(std::span<std::byte const> data, std::span<std::byte> out);
Result<std::size_t> unpack_lzo(std::span<std::byte const> data, std::span<std::byte> out);
}  // namespace paravane
