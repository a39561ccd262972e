// SPDX-License-Identifier: MIT
#include "unpack/decompress.hpp"

#include "unpack/decompress_blocks.hpp"

#include <bzlib.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <memory>
#include <string>

namespace paravane {
namespace {
using Bytes = std::span<std::byte const>;
using Room = std::span<std::byte>;
using Unpacked = Result<std::size_t>;

Error damaged(Compression compression, std::string why) {
    return Error{"", std::string{to_string(compression)} + " payload: " + std::move(why), ErrorKind::precondition};
}

// What a decoder did of what it was offered.
struct Step {
    std::size_t taken = 0;
    std::size_t made = 0;
    bool ended = false;
    std::string why = {};  // what is wrong, if anything is
};

// Feeds a decoder. A stream may hold any number of parts that unpack to nothing, each of them work: what is packed may
// be only so much longer than what comes of it.
template <class Decoder>
Unpacked run(Compression kind, Bytes in, Room out, Decoder decode) {
    constexpr std::size_t piece = std::size_t{64} << 10;
    constexpr std::size_t most_behind = std::size_t{5} << 18;  // bzip2 takes up to 900 KiB before it gives anything
    std::size_t taken = 0, made = 0;
    for (;;) {
        Step step = decode(in.subspan(taken, std::min(piece, in.size() - taken)), out.subspan(made));
        taken += step.taken;
        made += step.made;
        if (!step.why.empty()) return damaged(kind, std::move(step.why));
        if (step.ended) return made;
        if (taken > made + made / 8 + most_behind) return damaged(kind, "is longer than what it unpacks to");
        if (step.taken != 0 || step.made != 0) continue;
        if (made == out.size()) return damaged(kind, "unpacks to more than " + std::to_string(made) + " bytes");
        return damaged(kind, taken == in.size() ? "ends early" : "does not go on");
    }
}

Unpacked unpack_gzip(Bytes data, Room out) {
    constexpr int gzip_wrapper = 16 + MAX_WBITS;  // zlib.h, inflateInit2
    z_stream stream{};
    if (inflateInit2(&stream, gzip_wrapper) != Z_OK) return damaged(Compression::gzip, "no memory for the decoder");
    std::unique_ptr<z_stream, decltype(&inflateEnd)> closer{&stream, &inflateEnd};
    return run(Compression::gzip, data, out, [&](Bytes in, Room room) {
        auto const size = static_cast<uInt>(std::min<std::size_t>(room.size(), 1u << 30));
        stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(in.data()));
        stream.avail_in = static_cast<uInt>(in.size());
        stream.next_out = reinterpret_cast<Bytef*>(room.data());
        stream.avail_out = size;
        int const status = inflate(&stream, Z_NO_FLUSH);
        Step step{in.size() - stream.avail_in, size - stream.avail_out, status == Z_STREAM_END};
        if (status != Z_OK && status != Z_BUF_ERROR && status != Z_STREAM_END)
            step.why = stream.msg != nullptr ? stream.msg : "damaged";
        return step;
    });
}

Unpacked unpack_bzip2(Bytes data, Room out) {
    bz_stream stream{};
    if (BZ2_bzDecompressInit(&stream, 0, 0) != BZ_OK) return damaged(Compression::bzip2, "no memory for the decoder");
    std::unique_ptr<bz_stream, decltype(&BZ2_bzDecompressEnd)> closer{&stream, &BZ2_bzDecompressEnd};
    return run(Compression::bzip2, data, out, [&](Bytes in, Room room) {
        auto const size = static_cast<unsigned>(std::min<std::size_t>(room.size(), 1u << 30));
        stream.next_in = reinterpret_cast<char*>(const_cast<std::byte*>(in.data()));
        stream.avail_in = static_cast<unsigned>(in.size());
        stream.next_out = reinterpret_cast<char*>(room.data());
        stream.avail_out = size;
        int const status = BZ2_bzDecompress(&stream);
        Step step{in.size() - stream.avail_in, size - stream.avail_out, status == BZ_STREAM_END};
        if (status != BZ_OK && status != BZ_STREAM_END)
            step.why = "damaged (bzip2 error " + std::to_string(status) + ")";
        return step;
    });
}

std::string why_not(lzma_ret status) {
    switch (status) {
        case LZMA_OK:
        case LZMA_BUF_ERROR:
        case LZMA_STREAM_END: return "";
        case LZMA_MEM_ERROR:
        case LZMA_MEMLIMIT_ERROR: return "needs more than 160 MiB to unpack";
        case LZMA_OPTIONS_ERROR: return "uses a filter or option that liblzma does not know";
        default: return "damaged";
    }
}

// xz (with the x86 filter that Linux uses) and the older lzma-alone format.
Unpacked unpack_lzma(Compression kind, Bytes data, Room out) {
    constexpr std::uint64_t memory_limit = std::uint64_t{160} << 20;  // Linux uses dictionaries of up to 128 MiB
    lzma_stream stream = LZMA_STREAM_INIT;
    lzma_ret started = kind == Compression::xz ? lzma_stream_decoder(&stream, memory_limit, 0)
                                               : lzma_alone_decoder(&stream, memory_limit);
    if (started != LZMA_OK) return damaged(kind, "no memory for the decoder");
    std::unique_ptr<lzma_stream, decltype(&lzma_end)> closer{&stream, &lzma_end};
    return run(kind, data, out, [&](Bytes in, Room room) {
        stream.next_in = reinterpret_cast<std::uint8_t const*>(in.data());
        stream.avail_in = in.size();
        stream.next_out = reinterpret_cast<std::uint8_t*>(room.data());
        stream.avail_out = room.size();
        lzma_ret const status = lzma_code(&stream, LZMA_RUN);
        return Step{in.size() - stream.avail_in, room.size() - stream.avail_out, status == LZMA_STREAM_END,
                    why_not(status)};
    });
}

Unpacked unpack_zstd(Bytes data, Room out) {
    std::unique_ptr<ZSTD_DStream, decltype(&ZSTD_freeDStream)> stream{ZSTD_createDStream(), &ZSTD_freeDStream};
    if (!stream) return damaged(Compression::zstd, "no memory for the decoder");
    // Linux packs with a 128 MiB window (zstd -22 --ultra), above the library's default.
    ZSTD_DCtx_setParameter(stream.get(), ZSTD_d_windowLogMax, 27);
    return run(Compression::zstd, data, out, [&](Bytes offered, Room room) {
        ZSTD_inBuffer in{offered.data(), offered.size(), 0};
        ZSTD_outBuffer made{room.data(), room.size(), 0};
        std::size_t const status = ZSTD_decompressStream(stream.get(), &made, &in);
        Step step{in.pos, made.pos, status == 0};
        if (ZSTD_isError(status) != 0) step.why = ZSTD_getErrorName(status);
        return step;
    });
}

bool starts_with(Bytes data, std::initializer_list<unsigned> magic) {
    return data.size() >= magic.size() &&
           std::equal(magic.begin(), magic.end(), data.begin(),
                      [](unsigned wanted, std::byte byte) { return wanted == std::to_integer<unsigned>(byte); });
}
}  // namespace

Compression detect_compression(Bytes data) {
    if (starts_with(data, {0x1f, 0x8b, 0x08})) return Compression::gzip;
    if (starts_with(data, {'B', 'Z', 'h'})) return Compression::bzip2;
    if (starts_with(data, {0x5d, 0x00, 0x00})) return Compression::lzma;
    if (starts_with(data, {0xfd, '7', 'z', 'X', 'Z', 0x00})) return Compression::xz;
    if (starts_with(data, {0x89, 'L', 'Z', 'O'})) return Compression::lzo;
    if (starts_with(data, {0x02, 0x21, 0x4c, 0x18})) return Compression::lz4;
    if (starts_with(data, {0x28, 0xb5, 0x2f, 0xfd})) return Compression::zstd;
    return Compression::none;
}

std::string_view to_string(Compression compression) {
    constexpr std::array<std::string_view, 8> names{"plain", "gzip", "bzip2", "lzma", "xz", "lzo", "lz4", "zstd"};
    return names[static_cast<std::size_t>(compression)];
}

Unpacked decompress(Bytes data, Room out) {
    Compression const compression = detect_compression(data);
    switch (compression) {
        case Compression::none: break;
        case Compression::gzip: return unpack_gzip(data, out);
        case Compression::bzip2: return unpack_bzip2(data, out);
        case Compression::lzma:
        case Compression::xz: return unpack_lzma(compression, data, out);
        case Compression::lzo: return unpack_lzo(data, out);
        case Compression::lz4: return unpack_lz4_legacy(data, out);
        case Compression::zstd: return unpack_zstd(data, out);
    }
    return Error{"", "payload in no known compression", ErrorKind::precondition};
}
}  // namespace paravane
