// SPDX-License-Identifier: MIT
// Kernel payloads, unpacked by the libraries Debian has for them, LZO by our own code. The input is not trusted:
// whatever it says, no more is written than there is room for, no more is done than that and the input's length are
// worth, and a damaged stream is an error that says which compressor found the damage.
#pragma once
#include "os/error.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace paravane {
enum class Compression : std::uint8_t { none, gzip, bzip2, lzma, xz, lzo, lz4, zstd };

// By the magic number at the start; none for anything else.
Compression detect_compression(std::span<std::byte const> data);
std::string_view to_string(Compression compression);

// How much of `out` it filled. Bytes behind the end of the stream are ignored.
Result<std::size_t> decompress(std::span<std::byte const> data, std::span<std::byte> out);
}  // namespace paravane
