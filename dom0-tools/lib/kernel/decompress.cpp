// SPDX-License-Identifier: MIT
#include "kernel/decompress.hpp"

#include "kernel/decompress_blocks.hpp"

#include <bzlib.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <memory>

namespace paravane {
namespace {
constexpr std::size_t first_output = std::size_t{1} << 20;

Error damaged(Compression compression, std::string why) {
    return Error{"", std::string{to_string(compression)} + " payload: " + std::move(why), ErrorKind::precondition};
}

// The output buffer of a streaming decoder: grows by doubling up to the limit.
class Output {
public:
    Output(std::size_t limit, std::size_t hint) : limit_{limit} {
        data_.resize(std::min(limit, hint != 0 ? hint : first_output));
    }

    std::byte* free_space() { return data_.data() + used_; }
    std::size_t free_size() const { return data_.size() - used_; }
    void advance(std::size_t count) { used_ += count; }

    // False when the limit is reached.
    bool grow() {
        if (data_.size() >= limit_) return false;
        data_.resize(std::min(limit_, std::max(data_.size() * 2, first_output)));
        return true;
    }
    std::vector<std::byte> take() {
        data_.resize(used_);
        return std::move(data_);
    }
    std::string too_big() const { return "unpacks to more than " + std::to_string(limit_) + " bytes"; }

private:
    std::vector<std::byte> data_;
    std::size_t used_ = 0;
    std::size_t limit_;
};

using Bytes = std::span<std::byte const>;
using Unpacked = Result<std::vector<std::byte>>;

Unpacked unpack_gzip(Bytes data, Output output) {
    constexpr int gzip_wrapper = 16 + MAX_WBITS;  // zlib.h, inflateInit2
    z_stream stream{};
    if (inflateInit2(&stream, gzip_wrapper) != Z_OK) return damaged(Compression::gzip, "no memory for the decoder");
    std::unique_ptr<z_stream, decltype(&inflateEnd)> closer{&stream, &inflateEnd};
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(data.data()));
    stream.avail_in = static_cast<uInt>(data.size());
    for (;;) {
        if (output.free_size() == 0 && !output.grow()) return damaged(Compression::gzip, output.too_big());
        auto room = static_cast<uInt>(std::min<std::size_t>(output.free_size(), 1u << 30));
        stream.next_out = reinterpret_cast<Bytef*>(output.free_space());
        stream.avail_out = room;
        int status = inflate(&stream, Z_NO_FLUSH);
        output.advance(room - stream.avail_out);
        if (status == Z_STREAM_END) return output.take();
        if (status != Z_OK && status != Z_BUF_ERROR) {
            return damaged(Compression::gzip, stream.msg != nullptr ? stream.msg : "damaged");
        }
        if (stream.avail_in == 0 && stream.avail_out != 0) return damaged(Compression::gzip, "ends early");
    }
}

Unpacked unpack_bzip2(Bytes data, Output output) {
    bz_stream stream{};
    if (BZ2_bzDecompressInit(&stream, 0, 0) != BZ_OK) return damaged(Compression::bzip2, "no memory for the decoder");
    std::unique_ptr<bz_stream, decltype(&BZ2_bzDecompressEnd)> closer{&stream, &BZ2_bzDecompressEnd};
    stream.next_in = reinterpret_cast<char*>(const_cast<std::byte*>(data.data()));
    stream.avail_in = static_cast<unsigned>(data.size());
    for (;;) {
        if (output.free_size() == 0 && !output.grow()) return damaged(Compression::bzip2, output.too_big());
        auto room = static_cast<unsigned>(std::min<std::size_t>(output.free_size(), 1u << 30));
        stream.next_out = reinterpret_cast<char*>(output.free_space());
        stream.avail_out = room;
        int status = BZ2_bzDecompress(&stream);
        output.advance(room - stream.avail_out);
        if (status == BZ_STREAM_END) return output.take();
        if (status != BZ_OK) return damaged(Compression::bzip2, "damaged (bzip2 error " + std::to_string(status) + ")");
        if (stream.avail_in == 0 && stream.avail_out != 0) return damaged(Compression::bzip2, "ends early");
    }
}

// xz (with the x86 filter that Linux uses) and the older lzma-alone format.
Unpacked unpack_lzma(Compression kind, Bytes data, Output output) {
    constexpr std::uint64_t memory_limit = std::uint64_t{256} << 20;  // Linux uses dictionaries of up to 128 MiB
    lzma_stream stream = LZMA_STREAM_INIT;
    lzma_ret started = kind == Compression::xz ? lzma_stream_decoder(&stream, memory_limit, 0)
                                               : lzma_alone_decoder(&stream, memory_limit);
    if (started != LZMA_OK) return damaged(kind, "no memory for the decoder");
    std::unique_ptr<lzma_stream, decltype(&lzma_end)> closer{&stream, &lzma_end};
    stream.next_in = reinterpret_cast<std::uint8_t const*>(data.data());
    stream.avail_in = data.size();
    for (;;) {
        if (output.free_size() == 0 && !output.grow()) return damaged(kind, output.too_big());
        std::size_t room = output.free_size();
        stream.next_out = reinterpret_cast<std::uint8_t*>(output.free_space());
        stream.avail_out = room;
        lzma_ret status = lzma_code(&stream, LZMA_RUN);
        output.advance(room - stream.avail_out);
        if (status == LZMA_STREAM_END) return output.take();
        if (status == LZMA_MEMLIMIT_ERROR) return damaged(kind, "needs more than 256 MiB to unpack");
        if (status == LZMA_OPTIONS_ERROR) return damaged(kind, "uses a filter or option that liblzma does not know");
        if (status != LZMA_OK && status != LZMA_BUF_ERROR) return damaged(kind, "damaged");
        if (stream.avail_in == 0 && stream.avail_out != 0) return damaged(kind, "ends early");
    }
}

Unpacked unpack_zstd(Bytes data, Output output) {
    std::unique_ptr<ZSTD_DStream, decltype(&ZSTD_freeDStream)> stream{ZSTD_createDStream(), &ZSTD_freeDStream};
    if (!stream) return damaged(Compression::zstd, "no memory for the decoder");
    // Linux packs with a 128 MiB window (zstd -22 --ultra), above the library's default.
    ZSTD_DCtx_setParameter(stream.get(), ZSTD_d_windowLogMax, 27);
    ZSTD_inBuffer in{data.data(), data.size(), 0};
    for (;;) {
        if (output.free_size() == 0 && !output.grow()) return damaged(Compression::zstd, output.too_big());
        ZSTD_outBuffer out{output.free_space(), output.free_size(), 0};
        std::size_t status = ZSTD_decompressStream(stream.get(), &out, &in);
        output.advance(out.pos);
        if (ZSTD_isError(status) != 0) return damaged(Compression::zstd, ZSTD_getErrorName(status));
        if (status == 0) return output.take();
        if (in.pos == in.size && out.pos < out.size) return damaged(Compression::zstd, "ends early");
    }
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

Unpacked decompress(Bytes data, std::size_t limit, std::size_t size_hint) {
    if (data.size() > limit)
        return Error{"", "more than " + std::to_string(limit) + " bytes of payload", ErrorKind::precondition};
    // The hint comes from the file, too: without a plausible amount of input behind it, it is not worth the memory.
    constexpr std::size_t plausible_ratio = 32;
    if (size_hint > limit || size_hint / plausible_ratio > data.size()) size_hint = 0;
    Compression compression = detect_compression(data);
    switch (compression) {
        case Compression::none: return Error{"", "payload in no known compression", ErrorKind::precondition};
        case Compression::gzip: return unpack_gzip(data, Output{limit, size_hint});
        case Compression::bzip2: return unpack_bzip2(data, Output{limit, size_hint});
        case Compression::lzma:
        case Compression::xz: return unpack_lzma(compression, data, Output{limit, size_hint});
        case Compression::lzo: return unpack_lzo(data, limit, size_hint);
        case Compression::lz4: return unpack_lz4_legacy(data, limit, size_hint);
        case Compression::zstd: return unpack_zstd(data, Output{limit, size_hint});
    }
    return Error{"", "payload in no known compression", ErrorKind::precondition};
}
}  // namespace paravane
