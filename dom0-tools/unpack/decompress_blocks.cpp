// SPDX-License-Identifier: MIT
#include "unpack/decompress_blocks.hpp"

#include "unpack/lzo1x.hpp"

#include <lz4.h>

#include <algorithm>
#include <cstdint>
#include <optional>

namespace paravane {
namespace {
using Bytes = std::span<std::byte const>;
using Room = std::span<std::byte>;
using Unpacked = Result<std::size_t>;

// Reads numbers off the front; every read is checked against what is left.
class Reader {
public:
    explicit Reader(Bytes data) : rest_{data} {}

    std::size_t left() const { return rest_.size(); }

    std::optional<Bytes> take(std::size_t count) {
        if (count > rest_.size()) return std::nullopt;
        Bytes front = rest_.first(count);
        rest_ = rest_.subspan(count);
        return front;
    }
    std::optional<std::uint32_t> little32() { return number(4, false); }
    std::optional<std::uint32_t> big32() { return number(4, true); }
    std::optional<std::uint32_t> big16() { return number(2, true); }
    std::optional<std::uint32_t> byte() { return number(1, true); }

private:
    std::optional<std::uint32_t> number(std::size_t size, bool big_endian) {
        std::optional<Bytes> bytes = take(size);
        if (!bytes) return std::nullopt;
        std::uint32_t value = 0;
        for (std::size_t i = 0; i < size; ++i) {
            std::size_t at = big_endian ? i : size - 1 - i;
            value = value << 8 | std::to_integer<std::uint32_t>((*bytes)[at]);
        }
        return value;
    }

    Bytes rest_;
};

Error damaged(char const* kind, std::string why) {
    return Error{"", std::string{kind} + " payload: " + std::move(why), ErrorKind::precondition};
}

Error too_big(char const* kind, Room out) {
    return damaged(kind, "unpacks to more than " + std::to_string(out.size()) + " bytes");
}

struct LzopHeader {
    std::uint32_t flags;
};

constexpr std::uint32_t lzop_adler32_out = 0x1;
constexpr std::uint32_t lzop_adler32_in = 0x2;
constexpr std::uint32_t lzop_crc32_out = 0x100;
constexpr std::uint32_t lzop_crc32_in = 0x200;
constexpr std::uint32_t lzop_has_filter = 0x800;
constexpr std::uint32_t lzop_with_level = 0x0940;  // versions from here on have the level and the high half of mtime

// magic[9] version library_version needed_version method level flags [filter] mode mtime mtime_high name checksum
std::optional<LzopHeader> read_lzop_header(Reader& in) {
    if (!in.take(9)) return std::nullopt;
    std::optional<std::uint32_t> version = in.big16();
    if (!version || !in.take(4 + 1)) return std::nullopt;
    bool has_level = *version >= lzop_with_level;
    if (has_level && !in.take(1)) return std::nullopt;
    std::optional<std::uint32_t> flags = in.big32();
    if (!flags || !in.take((*flags & lzop_has_filter) != 0 ? 4 : 0)) return std::nullopt;
    if (!in.take(has_level ? 12 : 8)) return std::nullopt;
    std::optional<std::uint32_t> name_length = in.byte();
    if (!name_length || !in.take(*name_length + 4)) return std::nullopt;
    return LzopHeader{*flags};
}

std::size_t checksum_bytes(std::uint32_t flags, bool stored) {
    std::size_t count = ((flags & lzop_adler32_out) != 0) + ((flags & lzop_crc32_out) != 0);
    if (!stored) count += ((flags & lzop_adler32_in) != 0) + ((flags & lzop_crc32_in) != 0);
    return count * 4;
}
}  // namespace

// magic, then chunks of {u32 size; data}, each of at most 8 MiB unpacked; neither an end mark nor a checksum.
Unpacked unpack_lz4_legacy(Bytes data, Room out) {
    constexpr std::size_t chunk_output = std::size_t{8} << 20;
    constexpr std::uint32_t magic = 0x184c2102;  // concatenated frames repeat it
    Reader in{data};
    if (in.little32() != magic) return damaged("lz4", "no legacy frame");
    std::size_t made = 0;
    while (in.left() >= 4) {
        std::uint32_t size = *in.little32();
        if (size == magic) continue;
        if (size == 0) break;
        std::optional<Bytes> chunk = in.take(size);
        if (!chunk) return damaged("lz4", "ends inside a chunk of " + std::to_string(size) + " bytes");
        if (size > static_cast<std::size_t>(LZ4_compressBound(chunk_output)))
            return damaged("lz4", "a chunk larger than any that was packed");
        if (made == out.size()) return too_big("lz4", out);
        Room room = out.subspan(made, std::min(chunk_output, out.size() - made));
        auto const* from = reinterpret_cast<char const*>(chunk->data());
        auto* to = reinterpret_cast<char*>(room.data());
        auto [length, most] = std::pair{static_cast<int>(size), static_cast<int>(room.size())};
        int count = LZ4_decompress_safe(from, to, length, most);
        if (count < 0 && room.size() < chunk_output &&
            LZ4_decompress_safe_partial(from, to, length, most, most) == most)
            return too_big("lz4", out);  // the chunk is sound, the room for it is not
        if (count < 0) return damaged("lz4", "damaged chunk at output byte " + std::to_string(made));
        if (count == 0) return damaged("lz4", "a chunk of nothing at output byte " + std::to_string(made));
        made += static_cast<std::size_t>(count);
    }
    if (made == 0) return damaged("lz4", "ends early");
    return made;
}

// lzop's file: a header, then blocks of {u32 out_size, u32 in_size, checksums, data} up to an out_size of 0.
Unpacked unpack_lzo(Bytes data, Room out) {
    Reader in{data};
    std::optional<LzopHeader> header = read_lzop_header(in);
    if (!header) return damaged("lzo", "ends inside the header");
    std::size_t made = 0;
    for (;;) {
        std::optional<std::uint32_t> out_size = in.big32();
        if (!out_size) return damaged("lzo", "ends early");
        if (*out_size == 0) return made;
        std::optional<std::uint32_t> in_size = in.big32();
        if (!in_size || *in_size > *out_size) return damaged("lzo", "a block that grows when packed");
        bool stored = *in_size == *out_size;
        if (!in.take(checksum_bytes(header->flags, stored))) return damaged("lzo", "ends early");
        std::optional<Bytes> block = in.take(*in_size);
        if (!block) return damaged("lzo", "ends inside a block");
        if (*out_size > out.size() - made) return too_big("lzo", out);
        Room room = out.subspan(made, *out_size);
        if (stored) {
            std::ranges::copy(*block, room.begin());
        } else if (!unpack_lzo1x(*block, room)) {
            return damaged("lzo", "damaged block at output byte " + std::to_string(made));
        }
        made += *out_size;
    }
}
}  // namespace paravane
