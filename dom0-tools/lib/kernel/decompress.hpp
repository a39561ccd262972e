// SPDX-License-Identifier: MIT
// Kernel payloads, unpacked by the libraries Debian has for them, LZO by our own code. The input is not trusted:
// whatever it says, the output never exceeds `limit`, and a damaged stream is an error that says which compressor found
// the damage.
#pragma once
#include "os/error.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace paravane {
enum class Compression : std::uint8_t { none, gzip, bzip2, lzma, xz, lzo, lz4, zstd };

// By the magic number at the start; none for anything else.
Compression detect_compression(std::span<std::byte const> data);
std::string_view to_string(Compression compression);

// `size_hint` is how much output to expect, 0 if unknown. Bytes behind the end of the stream are ignored.
Result<std::vector<std::byte>> decompress(std::span<std::byte const> data, std::size_t limit,
                                          std::size_t size_hint = 0);
}  // namespace paravane
