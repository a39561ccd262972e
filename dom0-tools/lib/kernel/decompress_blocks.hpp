// SPDX-License-Identifier: MIT
// The two payload formats that are a list of blocks: LZ4's legacy frame and lzop's file.
#pragma once
#include "os/error.hpp"

#include <cstddef>
#include <span>
#include <vector>

namespace paravane {
Result<std::vector<std::byte>> unpack_lz4_legacy(std::span<std::byte const> data, std::size_t limit,
                                                 std::size_t size_hint);
Result<std::vector<std::byte>> unpack_lzo(std::span<std::byte const> data, std::size_t limit, std::size_t size_hint);
}  // namespace paravane
