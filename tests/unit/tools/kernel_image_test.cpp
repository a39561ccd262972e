// SPDX-License-Identifier: MIT
#include "kernel/kernel_image.hpp"

#include <gtest/gtest.h>

#include <random>

#include "packed_kernel.hpp"

namespace {
using paravane::Compression;
using paravane::parse_guest_kernel;
using paravane::Result;
using paravane::unpack_kernel;
using test::Bytes;
using test::make_bzimage;
using test::make_elf;

std::string reason(auto const& result) { return result ? "it worked" : result.error().message(); }

bool mentions(std::string const& text, std::string const& part) { return text.find(part) != std::string::npos; }

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
        Result<Bytes> unpacked = paravane::decompress(std::span{packed}.first(keep), 1 << 24);
        EXPECT_FALSE(unpacked) << keep << " of " << packed.size();
        EXPECT_TRUE(mentions(reason(unpacked), "payload")) << reason(unpacked);
    }
}

TEST_P(Compressor, LimitIsKept) {
    if (GetParam() == Compression::none) return;
    Bytes packed = test::pack(Bytes(3 << 20), GetParam());
    EXPECT_FALSE(paravane::decompress(packed, 1 << 20));
    EXPECT_FALSE(paravane::decompress(packed, (3 << 20) - 1, 3 << 20));
    EXPECT_TRUE(paravane::decompress(packed, 3 << 20));
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

INSTANTIATE_TEST_SUITE_P(All, Compressor,
                         testing::Values(Compression::none, Compression::gzip, Compression::bzip2, Compression::lzma,
                                         Compression::xz, Compression::lzo, Compression::lz4, Compression::zstd),
                         [](auto const& info) { return std::string{to_string(info.param)}; });
}  // namespace
