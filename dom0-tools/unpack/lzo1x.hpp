// SPDX-License-Identifier: MIT
// One block of LZO1X, the compression of lzop's files.
#pragma once
#include <cstddef>
#include <span>

namespace paravane {
// Fills `out` exactly. False, with anything in `out`, for a block that says otherwise.
bool unpack_lzo1x(std::span<std::byte const> data, std::span<std::byte> out);
}  // namespace paravane
