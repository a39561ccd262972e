// SPDX-License-Identifier: MIT
#include "packed_kernel.hpp"

#include <bzlib.h>
#include <lz4.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include <array>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>

namespace test {
namespace {
void append(Bytes& to, void const* data, std::size_t size) {
    auto const* bytes = static_cast<std::byte const*>(data);
    to.insert(to.end(), bytes, bytes + size);
}

void append_number(Bytes& to, std::uint64_t value, std::size_t size, bool big_endian) {
    for (std::size_t i = 0; i < size; ++i) {
        std::size_t shift = 8 * (big_endian ? size - 1 - i : i);
        to.push_back(static_cast<std::byte>(value >> shift));
    }
}

Bytes pack_lzma(std::span<std::byte const> data, bool xz) {
    lzma_options_lzma options;
    lzma_lzma_preset(&options, 6);
    lzma_filter filters[] = {{LZMA_FILTER_X86, nullptr}, {LZMA_FILTER_LZMA2, &options}, {LZMA_VLI_UNKNOWN, nullptr}};
    lzma_stream stream = LZMA_STREAM_INIT;
    lzma_ret started =
        xz ? lzma_stream_encoder(&stream, filters, LZMA_CHECK_CRC32) : lzma_alone_encoder(&stream, &options);
    if (started != LZMA_OK) throw std::runtime_error{"lzma encoder"};
    Bytes out(data.size() + 65536);
    stream.next_in = reinterpret_cast<std::uint8_t const*>(data.data());
    stream.avail_in = data.size();
    stream.next_out = reinterpret_cast<std::uint8_t*>(out.data());
    stream.avail_out = out.size();
    if (lzma_code(&stream, LZMA_FINISH) != LZMA_STREAM_END) throw std::runtime_error{"lzma"};
    out.resize(stream.total_out);
    lzma_end(&stream);
    return out;
}

Bytes pack_gzip(std::span<std::byte const> data) {
    z_stream stream{};
    deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
    Bytes out(data.size() + 65536);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(data.data()));
    stream.avail_in = static_cast<uInt>(data.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    if (deflate(&stream, Z_FINISH) != Z_STREAM_END) throw std::runtime_error{"deflate"};
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
}

Bytes pack_lz4(std::span<std::byte const> data) {
    constexpr std::size_t chunk = std::size_t{8} << 20;
    Bytes out;
    append_number(out, 0x184c2102, 4, false);
    for (std::size_t at = 0; at < data.size(); at += chunk) {
        int size = static_cast<int>(std::min(chunk, data.size() - at));
        Bytes packed(static_cast<std::size_t>(LZ4_compressBound(size)));
        int count = LZ4_compress_default(reinterpret_cast<char const*>(data.data() + at),
                                         reinterpret_cast<char*>(packed.data()), size, static_cast<int>(packed.size()));
        append_number(out, static_cast<std::uint64_t>(count), 4, false);
        append(out, packed.data(), static_cast<std::size_t>(count));
    }
    return out;
}

// lzop's file as Linux's build makes it. Its library is under the GPL: it is used as a program.
Bytes pack_lzo(std::span<std::byte const> data) {
    std::unique_ptr<std::FILE, decltype(&std::fclose)> const plain{std::tmpfile(), &std::fclose};
    if (!plain || std::fwrite(data.data(), 1, data.size(), plain.get()) != data.size() || std::fflush(plain.get()))
        throw std::runtime_error{"a temporary file"};
    std::string const command = "lzop -9 -c </proc/self/fd/" + std::to_string(fileno(plain.get()));
    std::unique_ptr<std::FILE, decltype(&pclose)> const packed{popen(command.c_str(), "r"), &pclose};
    if (!packed) throw std::runtime_error{"popen"};
    Bytes out;
    std::array<std::byte, 65536> buffer;
    while (std::size_t const count = std::fread(buffer.data(), 1, buffer.size(), packed.get()))
        append(out, buffer.data(), count);
    if (out.empty()) throw std::runtime_error{"lzop is not installed, or failed"};
    return out;
}

Bytes pack_bzip2(std::span<std::byte const> data) {
    Bytes out(data.size() + data.size() / 100 + 65536);
    auto count = static_cast<unsigned>(out.size());
    int status = BZ2_bzBuffToBuffCompress(reinterpret_cast<char*>(out.data()), &count,
                                          reinterpret_cast<char*>(const_cast<std::byte*>(data.data())),
                                          static_cast<unsigned>(data.size()), 9, 0, 0);
    if (status != BZ_OK) throw std::runtime_error{"bzip2"};
    out.resize(count);
    return out;
}

Bytes pack_zstd(std::span<std::byte const> data) {
    Bytes out(ZSTD_compressBound(data.size()));
    out.resize(ZSTD_compress(out.data(), out.size(), data.data(), data.size(), 3));
    return out;
}
}  // namespace

Bytes pack(std::span<std::byte const> data, paravane::Compression compression) {
    using paravane::Compression;
    switch (compression) {
        case Compression::none: return {data.begin(), data.end()};
        case Compression::gzip: return pack_gzip(data);
        case Compression::bzip2: return pack_bzip2(data);
        case Compression::lzma: return pack_lzma(data, false);
        case Compression::xz: return pack_lzma(data, true);
        case Compression::lzo: return pack_lzo(data);
        case Compression::lz4: return pack_lz4(data);
        case Compression::zstd: return pack_zstd(data);
    }
    return {};
}

Bytes make_bzimage(std::span<std::byte const> elf, paravane::Compression compression) {
    constexpr std::size_t setup_sectors = 3, loader_size = 0x80;
    Bytes payload = pack(elf, compression);
    if (compression != paravane::Compression::gzip) append_number(payload, elf.size(), 4, false);
    Bytes image((setup_sectors + 1) * 512 + loader_size);
    put<std::uint8_t>(image, 0x1f1, setup_sectors);
    put<std::uint32_t>(image, 0x202, 0x53726448);  // "HdrS"
    put<std::uint16_t>(image, 0x206, 0x20f);
    put<std::uint32_t>(image, 0x248, loader_size);
    put<std::uint32_t>(image, 0x24c, static_cast<std::uint32_t>(payload.size()));
    image.insert(image.end(), payload.begin(), payload.end());
    return image;
}
}  // namespace test
