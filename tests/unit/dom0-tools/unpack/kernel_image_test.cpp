// SPDX-License-Identifier: MIT
#include "unpack/kernel_image.hpp"

#include <gtest/gtest.h>
#include <lzma.h>

#include <initializer_list>
#include <random>

#include "packed_kernel.hpp"

namespace {
using paravane::Compression;
using paravane::parse_guest_kernel;
using paravane::Result;
using test::Bytes;
using test::make_bzimage;
using test::make_elf;

std::string reason(auto const& result) { return result ? "it worked" : result.error().message(); }

bool mentions(std::string const& text, std::string const& part) { return text.find(part) != std::string::npos; }

// With so much room for it.
Result<Bytes> unpack_kernel(std::span<std::byte const> file, std::size_t room = 1 << 20) {
    Bytes elf(room);
    Result<std::size_t> size = paravane::unpack_kernel(file, elf);
    if (!size) return std::move(size).error();
    elf.resize(*size);
    return elf;
}
Result<std::size_t> decompress(std::span<std::byte const> packed, std::size_t room) {
    Bytes out(room);
    return paravane::decompress(packed, out);
}

// Long enough for a packed payload to have something to damage in the middle.
Bytes large_elf() {
    std::mt19937 random{1};
    Bytes elf = make_elf({.segments = {{.file_size = 300'000, .memory_size = 400'000}}});
    for (std::size_t i = 1000; i < elf.size() - 1000; i += 7) elf[i] = static_cast<std::byte>(random());
    return elf;
}

TEST(KernelFile, RefusalsNameWhatIsComplainedOf) {
    EXPECT_TRUE(parse_guest_kernel(make_elf()));
    EXPECT_EQ(reason(parse_guest_kernel(make_elf({.loader = "other"}))),
              "it wants another loader than \"generic\": \"other\"");
    EXPECT_TRUE(mentions(reason(parse_guest_kernel(make_elf({.segments = {}}))), "no segment"));
}

TEST(KernelFile, FileShorterThanItsSegmentsSaysTruncated) {
    Bytes elf = large_elf();
    elf.resize(200'000);
    EXPECT_TRUE(mentions(reason(parse_guest_kernel(elf)), "truncated"));
}

TEST(KernelFile, NoiseIsNeitherElfNorBzimage) {
    EXPECT_EQ(reason(unpack_kernel(Bytes(5000, std::byte{0x33}))), "neither an ELF nor a bzImage");
    EXPECT_EQ(reason(unpack_kernel({})), "the file is empty");
}

TEST(KernelFile, OldOrCutBzimageSaysSo) {
    Bytes image = make_bzimage(make_elf(), Compression::gzip);
    Bytes old = image;
    test::put<std::uint16_t>(old, 0x206, 0x207);
    EXPECT_TRUE(mentions(reason(unpack_kernel(old)), "2.08"));
    image.resize(image.size() - 100);
    EXPECT_TRUE(mentions(reason(unpack_kernel(image)), "truncated"));
    image.resize(0x210);
    EXPECT_TRUE(mentions(reason(unpack_kernel(image)), "header"));
}

class Compressor : public testing::TestWithParam<Compression> {};

TEST_P(Compressor, BzimageUnpacksToItsElf) {
    Bytes elf = large_elf();
    Result<Bytes> unpacked = unpack_kernel(make_bzimage(elf, GetParam()));
    ASSERT_TRUE(unpacked) << reason(unpacked);
    EXPECT_EQ(*unpacked, elf);
}

TEST_P(Compressor, PackedElfUnpacksWithoutBzimage) {
    Bytes elf = large_elf();
    Result<Bytes> unpacked = unpack_kernel(test::pack(elf, GetParam()));
    ASSERT_TRUE(unpacked) << reason(unpacked);
    EXPECT_EQ(*unpacked, elf);
}

TEST_P(Compressor, CutPayloadIsAnError) {
    if (GetParam() == Compression::none) return;
    Bytes packed = test::pack(large_elf(), GetParam());
    for (std::size_t keep : {packed.size() / 2, packed.size() - 5}) {
        Result<std::size_t> unpacked = decompress(std::span{packed}.first(keep), 1 << 24);
        EXPECT_FALSE(unpacked) << keep << " of " << packed.size();
        EXPECT_TRUE(mentions(reason(unpacked), "payload")) << reason(unpacked);
    }
}

TEST_P(Compressor, LimitIsKept) {
    if (GetParam() == Compression::none) return;
    Bytes packed = test::pack(Bytes(3 << 20), GetParam());
    for (std::size_t room : {1 << 20, (3 << 20) - 1}) {
        Result<std::size_t> unpacked = decompress(packed, room);
        EXPECT_TRUE(mentions(reason(unpacked), "unpacks to more than")) << reason(unpacked);
    }
    EXPECT_EQ(*decompress(packed, 3 << 20), 3u << 20);
    EXPECT_EQ(*decompress(packed, (3 << 20) + 1), 3u << 20);
}

// Damage may go unnoticed where the format has no checksum, but must never be more than wrong bytes.
TEST_P(Compressor, DamageIsSurvived) {
    std::mt19937 random{7};
    Bytes packed = test::pack(large_elf(), GetParam());
    for (int round = 0; round < 60; ++round) {
        Bytes damaged = packed;
        for (int i = 0; i < 4; ++i) damaged[random() % damaged.size()] = static_cast<std::byte>(random());
        Result<Bytes> unpacked = unpack_kernel(damaged);
        if (unpacked) (void)static_cast<bool>(parse_guest_kernel(*unpacked));
    }
}

void append(Bytes& to, std::initializer_list<unsigned> bytes) {
    for (unsigned byte : bytes) to.push_back(static_cast<std::byte>(byte));
}
void append(Bytes& to, Bytes const& bytes) { to.insert(to.end(), bytes.begin(), bytes.end()); }
void append_checksum(Bytes& to, std::size_t from) {
    std::uint32_t const sum = lzma_crc32(reinterpret_cast<std::uint8_t*>(to.data() + from), to.size() - from, 0);
    to.resize(to.size() + sizeof sum);
    test::put(to, to.size() - sizeof sum, sum);
}

// Of parts that unpack to nothing there may be any number in a stream, and each is work.
TEST(Nothing, ManyChunksOfItAreAnErrorAtOnce) {
    Bytes lz4;
    append(lz4, {0x02, 0x21, 0x4c, 0x18});
    for (int i = 0; i < 50'000; ++i) append(lz4, {1, 0, 0, 0, 0});
    EXPECT_EQ(reason(decompress(lz4, 64 << 20)), "lz4 payload: a chunk of nothing at output byte 0");
}

TEST(Nothing, ManyBlocksOfItAreAnErrorEarly) {
    constexpr std::size_t length = 8 << 20;
    Bytes gzip, zstd, xz, block;
    append(gzip, {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3});
    while (gzip.size() < length) append(gzip, {0, 0, 0, 0xff, 0xff});  // stored, not the last one
    append(zstd, {0x28, 0xb5, 0x2f, 0xfd, 0, 0});
    zstd.resize(length);  // raw blocks of no bytes
    append(xz, {0xfd, '7', 'z', 'X', 'Z', 0, 0, 1});
    append_checksum(xz, 6);
    append(block, {2, 0, 0x21, 1, 0, 0, 0, 0});
    append_checksum(block, 0);
    append(block, {0, 0, 0, 0, 0, 0, 0, 0});  // the end of its data, and the checksum of nothing
    while (xz.size() < length) append(xz, block);
    for (Bytes const& packed : {gzip, zstd, xz}) {
        std::string const kind{to_string(paravane::detect_compression(packed))};
        EXPECT_EQ(reason(decompress(packed, 64 << 20)), kind + " payload: is longer than what it unpacks to");
    }
}

// What cannot be packed becomes a little longer by it: that is no fault.
TEST_P(Compressor, NoiseIsUnpacked) {
    if (GetParam() == Compression::none) return;
    std::mt19937 random{3};
    Bytes noise(4 << 20);
    for (std::byte& byte : noise) byte = static_cast<std::byte>(random());
    Result<std::size_t> unpacked = decompress(test::pack(noise, GetParam()), noise.size());
    EXPECT_TRUE(unpacked) << reason(unpacked);
}

TEST(KernelFile, WordsOfAKernelAreQuotedInPart) {
    std::string const quoted = reason(parse_guest_kernel(make_elf({.loader = std::string(100'000, 'x')})));
    EXPECT_LT(quoted.size(), 200u);
}

INSTANTIATE_TEST_SUITE_P(All, Compressor,
                         testing::Values(Compression::none, Compression::gzip, Compression::bzip2, Compression::lzma,
                                         Compression::xz, Compression::lzo, Compression::lz4, Compression::zstd),
                         [](auto const& info) { return std::string{to_string(info.param)}; });
}  // namespace
