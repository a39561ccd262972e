// SPDX-License-Identifier: MIT
// Which kernel may run, and as what; and what is read of one that may.
#include "portable/kernel/image.hpp"
#include "public/elfnote.hpp"

#include <elf.h>
#include <gtest/gtest.h>

#include "kernel_file.hpp"

namespace {
using namespace hv;
using namespace hv::pv;
using test::Bytes;
using test::KernelSpec;
using test::make_elf;

constexpr u64 virt_base = 0xffff'ffff'8000'0000;
constexpr u64 dom0_bit = 1 << 11;

KernelFile view(Bytes const& file) { return {reinterpret_cast<u8 const*>(file.data()), file.size()}; }
ParsedKernel parse(Bytes const& file, KernelRole role = KernelRole::guest) { return parse_kernel(view(file), role); }

// Empty if nothing is wrong.
std::string refusal_of(Bytes const& file, KernelRole role = KernelRole::guest) {
    Refusal const refusal = parse(file, role).refusal;
    return refusal ? std::string{refusal.why} + (refusal.about.empty() ? "" : ": " + std::string{refusal.about}) : "";
}

// As Linux's linker lays it out; per-CPU data is linked to address 0.
KernelSpec linux_kernel() {
    return {.segments = {{.paddr = 0x1000000, .file_size = 0x2000, .memory_size = 0x2000},
                         {.paddr = 0x1004000, .vaddr = 0, .file_size = 0x1000, .memory_size = 0x1000},
                         {.paddr = 0x1005000, .file_size = 0x1000, .memory_size = 0x3000}},
            .entry = virt_base + 0x1000100,
            .init_p2m = 0x80'0000'0000,
            .mod_start_pfn = 1,
            .supported_features = 0x8801};
}

Bytes text_note(u32 type, std::string const& text) {
    return test::make_note(type, std::as_bytes(std::span{text.c_str(), text.size() + 1}));
}

TEST(KernelImage, ReadsALinuxKernel) {
    for (bool by_section : {false, true}) {
        KernelSpec spec = linux_kernel();
        spec.notes_in_section = by_section;
        spec.other_notes = true;
        spec.more_notes = text_note(abi::elfnote::pae_mode, "yes");
        Bytes const file = make_elf(spec);
        ParsedKernel const parsed = parse(file, KernelRole::dom0);
        ASSERT_TRUE(parsed) << parsed.refusal.why;
        KernelImage const& image = parsed.image;
        ASSERT_EQ(image.loads().size(), 3u);
        EXPECT_EQ(image.loads()[1].address, virt_base + 0x100'4000);  // by physical address
        EXPECT_EQ(image.loads()[2].memory_size, 0x3000u);
        EXPECT_EQ(image.loads()[2].file_size, 0x1000u);
        EXPECT_EQ(image.virt_base, virt_base);
        EXPECT_EQ(image.start, virt_base + 0x100'0000);
        EXPECT_EQ(image.end, virt_base + 0x100'8000);
        EXPECT_EQ(image.entry, virt_base + 0x100'0100);
        EXPECT_EQ(image.init_p2m, 0x80'0000'0000);
        EXPECT_FALSE(image.hypercall_page);
        EXPECT_TRUE(image.initrd_by_pfn);
        EXPECT_TRUE(image.pae_mode);
    }
}

TEST(KernelImage, SortsSegments) {
    KernelSpec spec = linux_kernel();
    std::swap(spec.segments[0], spec.segments[2]);
    Bytes const file = make_elf(spec);
    ParsedKernel const parsed = parse(file);
    ASSERT_TRUE(parsed);
    for (u32 i = 1; i < parsed.image.segment_count; ++i)
        EXPECT_LT(parsed.image.segments[i - 1].address, parsed.image.segments[i].address);
}

TEST(KernelImage, TakesTheEntryOfTheHeaderIfNoNoteNamesOne) {
    Bytes file = make_elf({.entry = std::nullopt});
    test::put(file, offsetof(Elf64_Ehdr, e_entry), virt_base + 0x100200);
    ParsedKernel const parsed = parse(file);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed.image.entry, virt_base + 0x100200);
}

TEST(KernelImage, PaddrOffsetIsTakenOff) {
    KernelSpec spec{.segments = {{.paddr = 0xffffffff80100000}}};
    spec.paddr_offset = virt_base;
    Bytes const file = make_elf(spec);
    ParsedKernel const parsed = parse(file);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed.image.start, virt_base + 0x100000);
}

TEST(KernelImage, WhatItComplainsOfIsNamed) {
    EXPECT_EQ(refusal_of(make_elf({.features = "!auto_translated_physmap"})),
              "it requires a feature that we do not have: auto_translated_physmap");
    EXPECT_EQ(refusal_of(make_elf({.xen_version = "xen-2.0"})), "it is not made for the interface xen-3.0: xen-2.0");
    EXPECT_EQ(refusal_of(make_elf({.loader = "other"})), "it wants another loader than \"generic\": other");
}

// One answer to "may this kernel run, and as what?", which is Xen 4.17's.
enum class MayRun { no, as_guest, as_both };

struct Case {
    char const* what;
    MayRun may_run;
    KernelSpec spec;
};

std::vector<Case> role_cases() {
    using enum MayRun;
    std::vector<Case> all{
        {"a plain kernel", as_both, {}},
        {"no interface", no, {.xen_version = std::nullopt}},
        {"another interface", no, {.xen_version = "xen-3.1"}},
        {"more of the interface", as_both, {.xen_version = "xen-3.0-x86_64"}},
        {"another loader", no, {.loader = "other"}},
        {"no loader", no, {.loader = std::nullopt}},
        {"no loader, but Linux", as_both, {.loader = std::nullopt, .guest_os = "linux"}},
        {"another loader, but Linux", as_both, {.loader = "other", .guest_os = "linux-2.6"}},
        {"no features", as_both, {.features = std::nullopt}},
        {"what we have", as_both, {.features = "!writable_page_tables|!pae_pgdir_above_4gb"}},
        {"what only dom0 is", as_both, {.features = "!dom0"}},
        {"translated", no, {.features = "a|!auto_translated_physmap"}},
        {"welcome translated", as_both, {.features = "auto_translated_physmap"}},
        {"supervisor", no, {.features = "!supervisor_mode_kernel|b"}},
        {"descriptor tables", no, {.features = "!writable_descriptor_tables"}},
        {"vector", no, {.features = "!hvm_callback_vector"}},
        {"a feature without a name", no, {.features = "!mmu_pt_update_preserve_ad"}},
        {"another one", no, {.features = "!gnttab_map_avail_bits"}},
        {"and another", no, {.features = "!linux_rsdp_unrestricted"}},
        {"one that nobody knows", no, {.features = "!unheard_of"}},
        {"for guests only", as_guest, {.supported_features = 1}},
        {"for dom0, too", as_both, {.supported_features = dom0_bit | 1}},
        {"for dom0 by name", as_both, {.features = "dom0", .supported_features = 1}},
        {"an offset without a base", no, {.virt_base = std::nullopt, .paddr_offset = 0}},
        {"a second list", no, {.features = "!unheard_of", .more_notes = text_note(10, "dom0")}},
        {"another valid bit", as_both, {.more_notes = test::make_note(13, Bytes(16, std::byte{2}))}},
        {"a number of three bytes", no, {.more_notes = test::make_note(16, Bytes(3))}},
        {"a number of nine bytes", no, {.more_notes = test::make_note(17, Bytes(9))}},
        {"an empty number", no, {.more_notes = test::make_note(4, {})}},
        {"a long note that says nothing", as_both, {.more_notes = test::make_note(7, Bytes(5000, std::byte{'x'}))}},
    };
    KernelSpec low{.virt_base = 0, .entry = 0x100040};
    all.push_back({"at the bottom", as_both, low});
    low.segments = {{}, {.paddr = u64{2} << 30}};
    all.push_back({"of two GiB", as_both, low});
    low.segments[1].paddr = (u64{1} << 39) - 0x5000;
    all.push_back({"of one slot", as_both, low});
    low.segments[1].paddr += 0x1000;
    all.push_back({"of more than one slot", no, low});
    for (u64 count : {16, 17}) {
        KernelSpec spec;
        spec.segments.clear();
        for (u64 n = 0; n < count; ++n) spec.segments.push_back({.paddr = 0x100000 + n * 0x5000});
        all.push_back({"of so many segments", count == 16 ? as_both : no, spec});
    }
    return all;
}

TEST(KernelImage, MayRunAsWhatItIsFitFor) {
    for (Case const& one : role_cases()) {
        Bytes const file = make_elf(one.spec);
        EXPECT_EQ(refusal_of(file, KernelRole::guest).empty(), one.may_run != MayRun::no) << one.what;
        EXPECT_EQ(refusal_of(file, KernelRole::dom0).empty(), one.may_run == MayRun::as_both) << one.what;
    }
}

TEST(KernelImage, AddressesAreAGuestsAndInside) {
    struct {
        char const* refusal;
        KernelSpec spec;
    } const cases[] = {
        {"entry point is outside", {.entry = virt_base}},
        {"entry point is outside", {.entry = virt_base + 0x105000}},
        {"no usable base address", {.virt_base = 0xffff'8000'0000'0000}},
        {"no usable base address", {.virt_base = 0x8000'0000'0000}},
        {"no usable base address", {.virt_base = virt_base + 1}},
        {"list of frames", {.init_p2m = 0xffff'8000'0000'0000}},
        {"list of frames", {.init_p2m = 0xffff'87ff'ffff'f000}},
        {"list of frames", {.init_p2m = 0x8000'0000'0000}},
        {"list of frames", {.init_p2m = 0x80'0000'0001}},
        {"hypercall page is outside", {.hypercall_page = virt_base + 0x105000}},
        {"hypercall page is outside", {.hypercall_page = virt_base + 0x101001}},
        {"", {.hypercall_page = virt_base + 0x104000}},
        {"no segment to load", {.segments = {}}},
        {"overlap", {.segments = {{}, {.paddr = 0x104fff}}}},
        {"overlap", {.segments = {{.memory_size = 0x5001}, {.paddr = 0x105000}}}},
        {"larger in the file", {.segments = {{.file_size = 0x6000}}}},
        {"a segment's address", {.segments = {{}, {.paddr = ~u64{0} - 16}}}},
        {"a segment's address", {.segments = {{.memory_size = ~u64{0}}}}},
        {"a segment's address", {.segments = {{}, {.paddr = 0x8000'0000}}}},
        {"a segment's address", {.paddr_offset = 0x100001}},
    };
    for (auto const& one : cases) {
        std::string const refusal = refusal_of(make_elf(one.spec));
        bool const as_expected = *one.refusal ? refusal.find(one.refusal) != std::string::npos : refusal.empty();
        EXPECT_TRUE(as_expected) << one.refusal << ", but it says: " << refusal;
    }
}

TEST(KernelImage, ForeignFiles) {
    EXPECT_NE(refusal_of({}).find("too short"), std::string::npos);
    Bytes const script(100, std::byte{'#'});
    EXPECT_NE(refusal_of(script).find("not an ELF file ("), std::string::npos);
    Bytes file = make_elf();
    file[EI_CLASS] = std::byte{ELFCLASS32};
    EXPECT_NE(refusal_of(file).find("64-bit x86"), std::string::npos);
    file[EI_CLASS] = std::byte{ELFCLASS64};
    test::put<u16>(file, offsetof(Elf64_Ehdr, e_type), ET_REL);
    EXPECT_NE(refusal_of(file).find("neither an executable"), std::string::npos);
    file = make_elf({.notes_in_section = true});
    for (usize i = 0; i + 4 <= file.size(); ++i)
        if (std::memcmp(file.data() + i, "Xen\0", 4) == 0) file[i] = std::byte{'Y'};
    EXPECT_NE(refusal_of(file).find("no Xen notes"), std::string::npos);
}

// A truncated file gives an error at every length, never a kernel that is not all there.
TEST(KernelImage, EveryTruncationIsAnError) {
    for (bool by_section : {false, true}) {
        KernelSpec spec = linux_kernel();
        spec.notes_in_section = by_section;
        Bytes const whole = make_elf(spec);
        for (usize length = 0; length < whole.size(); length += length < 2048 ? 1 : 511)
            EXPECT_FALSE(parse({whole.begin(), whole.begin() + static_cast<long>(length)})) << length;
    }
}

// However many areas of notes there are, and however they overlap, reading them is work for a moment.
TEST(KernelImage, NotesAreBoundedInSum) {
    constexpr char refusal[] = "it has more notes than a kernel needs";
    for (bool by_section : {false, true}) {
        Bytes note = test::make_note(0x1000, Bytes(1 << 20));
        EXPECT_EQ(refusal_of(make_elf({.more_notes = note, .notes_in_section = by_section})), refusal);
    }
    EXPECT_EQ(refusal_of(make_elf({.more_notes = test::make_note(0x1000, Bytes(1 << 19))})), "");

    // Each of its program headers says that the rest of the file is small notes.
    constexpr u32 headers = 60'000;
    Elf64_Ehdr header;
    std::memcpy(&header, make_elf().data(), sizeof(header));
    header.e_phnum = headers;
    Elf64_Phdr const every{.p_type = PT_NOTE,
                           .p_flags = PF_R,
                           .p_offset = sizeof(header) + headers * sizeof(Elf64_Phdr),
                           .p_vaddr = 0,
                           .p_paddr = 0,
                           .p_filesz = 3 << 20,
                           .p_memsz = 3 << 20,
                           .p_align = 4};
    Bytes file(every.p_offset + every.p_filesz);
    test::put(file, 0, header);
    for (u32 n = 0; n < headers; ++n) test::put(file, sizeof(header) + n * sizeof(every), every);
    EXPECT_EQ(refusal_of(file), refusal);
}

// An image that did not come from the parser: whatever is changed in a good one is noticed.
TEST(KernelImage, IsCheckedByItself) {
    Bytes const file = make_elf({.segments = {{}, {.paddr = 0x105000}}, .hypercall_page = virt_base + 0x101000});
    KernelImage const good = parse(file).image;
    ASSERT_EQ(check_image(good, file.size()), nullptr);
    void (*const lies[])(KernelImage&) = {
        [](auto& i) { i.segment_count = 0; },
        [](auto& i) { i.segment_count = max_elf_segments + 1; },
        [](auto& i) { i.segment_count = ~u32{0}; },
        [](auto& i) { i.virt_base = virt_base + 1; },
        [](auto& i) { i.virt_base = 0xffff'8000'0000'0000; },
        [](auto& i) { i.virt_base = 0; },
        [](auto& i) { i.virt_base = virt_base + 0x101000; },
        [](auto& i) { i.start = 0; },
        [](auto& i) { i.start += page_size; },
        [](auto& i) { i.end += page_size; },
        [](auto& i) { i.end = 0; },
        [](auto& i) { i.entry = i.end; },
        [](auto& i) { i.entry = i.start - 1; },
        [](auto& i) { i.hypercall_page = i.end; },
        [](auto& i) { i.hypercall_page = i.start - page_size; },
        [](auto& i) { i.hypercall_page = i.start + 8; },
        [](auto& i) { i.init_p2m = 1; },
        [](auto& i) { i.init_p2m = 0xffff'8000'0000'0000; },
        [](auto& i) { i.segments[0].offset = ~u64{0}; },
        [](auto& i) { i.segments[1].offset += 0x100000; },
        [](auto& i) { i.segments[0].file_size = i.segments[0].memory_size + 1; },
        [](auto& i) { i.segments[0].file_size = ~u64{0}; },
        [](auto& i) { i.segments[0].memory_size = 0; },
        [](auto& i) { i.segments[0].memory_size = ~u64{0}; },
        [](auto& i) { i.segments[0].memory_size += 1; },
        [](auto& i) { i.segments[0].address -= u64{1} << 40; },
        [](auto& i) { i.segments[1].address = i.segments[0].address; },
        [](auto& i) { i.segments[1].address = 0xffff'ffff'ffff'f000; },
        [](auto& i) { std::swap(i.segments[0], i.segments[1]); },
    };
    for (usize n = 0; n < std::size(lies); ++n) {
        KernelImage image = good;
        lies[n](image);
        EXPECT_NE(check_image(image, file.size()), nullptr) << "lie " << n;
    }
    EXPECT_NE(check_image(good, file.size() / 2), nullptr);
}

// Page by page and in one go it is the same: the file's bytes at their addresses, nothing elsewhere.
TEST(KernelImage, IsCopiedFromTheFile) {
    Bytes const file = make_elf({.segments = {{.paddr = 0x100800, .file_size = 0x1900, .memory_size = 0x2000},
                                              {.paddr = 0x103000, .file_size = 0, .memory_size = 0x1000},
                                              {.paddr = 0x104010, .file_size = 0x10, .memory_size = 0x10}},
                                 .entry = virt_base + 0x100800});
    ParsedKernel const parsed = parse(file);
    ASSERT_TRUE(parsed) << parsed.refusal.why;
    u64 const start = virt_base + 0x100000;
    Bytes whole(0x6000), paged(0x6000);
    copy_from_image(parsed.image, view(file), start, whole);
    for (u64 at = 0; at < paged.size(); at += page_size)
        copy_from_image(parsed.image, view(file), start + at, std::span{paged}.subspan(at, page_size));
    EXPECT_EQ(whole, paged);
    for (u64 at = 0; at < whole.size(); ++at) {
        bool const from_file = (at >= 0x800 && at < 0x2100) || (at >= 0x4010 && at < 0x4020);
        ASSERT_EQ(whole[at], from_file ? test::SegmentSpec{}.fill : std::byte{}) << at;
    }
}
}  // namespace
