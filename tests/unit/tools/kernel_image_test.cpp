// SPDX-License-Identifier: MIT
#include "dom0-tools/lib/kernel_image.hpp"

#include <elf.h>
#include <gtest/gtest.h>

#include <random>

#include "kernel_file.hpp"

namespace {
using paravane::Compression;
using paravane::KernelImage;
using paravane::parse_kernel;
using paravane::Result;
using paravane::unpack_kernel;
using test::Bytes;
using test::KernelSpec;
using test::make_bzimage;
using test::make_elf;
using test::SegmentSpec;

std::string reason(auto const& result) { return result ? "it worked" : result.error().message(); }

bool mentions(std::string const& text, std::string const& part) { return text.find(part) != std::string::npos; }

// Long enough for a packed payload to have something to damage in the middle.
Bytes large_elf() {
    std::mt19937 random{1};
    Bytes elf = make_elf({.segments = {{.file_size = 300'000, .memory_size = 400'000}}});
    for (std::size_t i = 1000; i < elf.size() - 1000; i += 7) elf[i] = static_cast<std::byte>(random());
    return elf;
}

TEST(KernelImage, ElfIsReadWithItsNotes) {
    Result<KernelImage> image = parse_kernel(make_elf({.init_p2m = 0x8000000000, .mod_start_pfn = 1}));
    ASSERT_TRUE(image) << reason(image);
    EXPECT_EQ(image->virt_base, 0xffffffff80000000);
    EXPECT_EQ(image->entry, 0xffffffff80100040);
    EXPECT_EQ(image->start, 0xffffffff80100000);
    EXPECT_EQ(image->end, 0xffffffff80105000);
    EXPECT_EQ(image->p2m_base, 0x8000000000);
    EXPECT_TRUE(image->initrd_by_frame);
    EXPECT_FALSE(image->hypercall_page);
    ASSERT_EQ(image->segments.size(), 1u);
    EXPECT_EQ(image->segments[0].file_size, 0x3000u);
}

TEST(KernelImage, SegmentsGoByPhysicalAddressWhateverTheirVirtualOne) {
    // As Linux's per-CPU segment, whose virtual address is 0.
    Result<KernelImage> image = parse_kernel(make_elf({.segments = {{.paddr = 0x200000, .vaddr = 0}, {}}}));
    ASSERT_TRUE(image) << reason(image);
    EXPECT_EQ(image->segments[1].address, 0xffffffff80200000);
}

TEST(KernelImage, PaddrOffsetIsTakenOff) {
    KernelSpec spec{.segments = {{.paddr = 0xffffffff80100000}}};
    spec.paddr_offset = 0xffffffff80000000;
    Result<KernelImage> image = parse_kernel(make_elf(spec));
    ASSERT_TRUE(image) << reason(image);
    EXPECT_EQ(image->start, 0xffffffff80100000);
}

TEST(KernelImage, NotesMayBeInSectionsAndBehindOthers) {
    EXPECT_TRUE(parse_kernel(make_elf({.notes_in_section = true})));
    EXPECT_TRUE(parse_kernel(make_elf({.other_notes = true})));
}

TEST(KernelImage, ElfWithoutNotesSaysSo) {
    Bytes elf = make_elf();
    for (std::size_t i = 0; i + 4 <= elf.size(); ++i) {
        if (std::memcmp(elf.data() + i, "Xen\0", 4) == 0) elf[i] = std::byte{'Y'};
    }
    EXPECT_EQ(reason(parse_kernel(elf)), "it has no Xen notes: not a PV kernel");
}

TEST(KernelImage, WhatWeCannotOfferIsRefusedByName) {
    EXPECT_TRUE(
        mentions(reason(parse_kernel(make_elf({.features = "!auto_translated_physmap"}))), "auto_translated_physmap"));
    EXPECT_TRUE(mentions(reason(parse_kernel(make_elf({.loader = "other"}))), "loader"));
    EXPECT_TRUE(mentions(reason(parse_kernel(make_elf({.xen_version = "xen-2.0"}))), "xen-2.0"));
    EXPECT_TRUE(parse_kernel(make_elf({.features = "auto_translated_physmap|!writable_page_tables"})));
}

TEST(KernelImage, AddressesOutsideTheImageAreRefused) {
    EXPECT_TRUE(mentions(reason(parse_kernel(make_elf({.entry = 0xffffffff80200000}))), "entry point"));
    EXPECT_TRUE(mentions(reason(parse_kernel(make_elf({.hypercall_page = 0xffffffff80105000}))), "hypercall page"));
    EXPECT_TRUE(mentions(reason(parse_kernel(make_elf({.hypercall_page = 0xffffffff80101001}))), "hypercall page"));
    EXPECT_TRUE(mentions(reason(parse_kernel(make_elf({.segments = {{.paddr = 0x1000'0000'0000}}}))), "outside"));
    EXPECT_TRUE(mentions(reason(parse_kernel(make_elf({.segments = {{}, {.paddr = 0x104fff}}}))), "overlap"));
    EXPECT_TRUE(mentions(reason(parse_kernel(make_elf({.segments = {{.file_size = 0x6000}}}))), "larger in the file"));
}

TEST(KernelImage, EveryTruncationIsAnErrorOrHarmless) {
    Bytes elf = make_elf();
    for (std::size_t size = 0; size < elf.size(); size += size < 600 ? 1 : 61) {
        Result<KernelImage> image = parse_kernel(std::span{elf}.first(size));
        EXPECT_FALSE(image) << "with only " << size << " bytes";
    }
}

TEST(KernelImage, FileShorterThanItsSegmentsSaysTruncated) {
    Bytes elf = large_elf();
    elf.resize(200'000);
    EXPECT_TRUE(mentions(reason(parse_kernel(elf)), "truncated"));
}

TEST(KernelImage, NoiseIsNeitherElfNorBzimage) {
    EXPECT_EQ(reason(unpack_kernel(Bytes(5000, std::byte{0x33}))), "neither an ELF nor a bzImage");
    EXPECT_EQ(reason(unpack_kernel({})), "the file is empty");
}

TEST(KernelImage, OldOrCutBzimageSaysSo) {
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
        if (unpacked) (void)static_cast<bool>(parse_kernel(*unpacked));
    }
}

INSTANTIATE_TEST_SUITE_P(All, Compressor,
                         testing::Values(Compression::none, Compression::gzip, Compression::bzip2, Compression::lzma,
                                         Compression::xz, Compression::lzo, Compression::lz4, Compression::zstd),
                         [](auto const& info) { return std::string{to_string(info.param)}; });
}  // namespace
