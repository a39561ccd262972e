// SPDX-License-Identifier: MIT

#include "core/pv/elf.hpp"
#include "public/elfnote.hpp"

#include <elf.h>
#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <string>
#include <vector>

namespace {
using namespace hv;
using namespace hv::pv;

constexpr u64 virt_base = 0xffff'ffff'8000'0000;

// Builds a kernel file as Linux's linker lays it out; tests change one thing of it.
struct Image {
    struct Note {
        u32 type;
        std::vector<u8> value;
    };
    struct Segment {
        u64 virtual_address, physical_address, file_size, memory_size;
    };

    std::vector<Note> notes;
    std::vector<Segment> segments{{0xffff'ffff'8100'0000, 0x100'0000, 0x2000, 0x2000},
                                  {0, 0x100'4000, 0x1000, 0x1000},  // per-CPU data
                                  {0xffff'ffff'8100'5000, 0x100'5000, 0x1000, 0x3000}};
    bool notes_by_section = false;
    std::string owner = "Xen";

    Image() {
        number(abi::elfnote::entry, 0xffff'ffff'8100'0100);
        number(abi::elfnote::virt_base, virt_base);
        text(abi::elfnote::xen_version, "xen-3.0");
        text(abi::elfnote::loader, "generic");
        text(abi::elfnote::features, "!writable_page_tables|pae_pgdir_above_4gb");
        text(abi::elfnote::pae_mode, "yes");
        number(abi::elfnote::init_p2m, 0x80'0000'0000);
        number(abi::elfnote::mod_start_pfn, 1);
        number(abi::elfnote::supported_features, 0x8801);
        std::vector<u8> valid(16, 0);
        valid[0] = valid[8] = 1;
        notes.push_back({abi::elfnote::l1_mfn_valid, valid});
    }
    void remove(u32 type) {
        std::erase_if(notes, [&](Note const& note) { return note.type == type; });
    }
    void number(u32 type, u64 value) {
        remove(type);
        std::vector<u8> bytes(8);
        std::memcpy(bytes.data(), &value, 8);
        notes.push_back({type, bytes});
    }
    void text(u32 type, std::string const& value) {
        remove(type);
        std::vector<u8> bytes(value.begin(), value.end());
        bytes.push_back(0);
        notes.push_back({type, bytes});
    }

    std::vector<u8> note_area() const {
        std::vector<u8> area;
        auto word = [&](u32 value) {
            area.insert(area.end(), reinterpret_cast<u8*>(&value), reinterpret_cast<u8*>(&value) + 4);
        };
        auto pad = [&] {
            while (area.size() % 4 != 0) area.push_back(0);
        };
        for (Note const& note : notes) {
            word(static_cast<u32>(owner.size() + 1));
            word(static_cast<u32>(note.value.size()));
            word(note.type);
            area.insert(area.end(), owner.begin(), owner.end());
            area.push_back(0);
            pad();
            area.insert(area.end(), note.value.begin(), note.value.end());
            pad();
        }
        return area;
    }

    std::vector<u8> file() const {
        std::vector<u8> area = note_area();
        usize program_count = segments.size() + (notes_by_section ? 0 : 1);
        usize notes_at = sizeof(Elf64_Ehdr) + program_count * sizeof(Elf64_Phdr) + sizeof(Elf64_Shdr);
        usize data_at = round_up(notes_at + area.size(), 4096);
        std::vector<u8> bytes(data_at);

        Elf64_Ehdr header{};
        std::memcpy(header.e_ident, ELFMAG, SELFMAG);
        header.e_ident[EI_CLASS] = ELFCLASS64;
        header.e_ident[EI_DATA] = ELFDATA2LSB;
        header.e_type = ET_EXEC;
        header.e_machine = EM_X86_64;
        header.e_phoff = sizeof(header);
        header.e_phentsize = sizeof(Elf64_Phdr);
        header.e_phnum = static_cast<u16>(program_count);
        header.e_shoff = sizeof(Elf64_Ehdr) + program_count * sizeof(Elf64_Phdr);
        header.e_shentsize = sizeof(Elf64_Shdr);
        header.e_shnum = 1;

        usize at = sizeof(header);
        auto put = [&](Elf64_Phdr const& program) {
            std::memcpy(bytes.data() + at, &program, sizeof(program));
            at += sizeof(program);
        };
        for (Segment const& segment : segments) {
            put({.p_type = PT_LOAD,
                 .p_flags = 7,
                 .p_offset = bytes.size(),
                 .p_vaddr = segment.virtual_address,
                 .p_paddr = segment.physical_address,
                 .p_filesz = segment.file_size,
                 .p_memsz = segment.memory_size,
                 .p_align = 4096});
            bytes.resize(bytes.size() + segment.file_size);
        }
        Elf64_Shdr section{};
        if (notes_by_section) {
            section.sh_type = SHT_NOTE;
            section.sh_offset = notes_at;
            section.sh_size = area.size();
        } else {
            put({.p_type = PT_NOTE,
                 .p_flags = 4,
                 .p_offset = notes_at,
                 .p_vaddr = 0,
                 .p_paddr = 0,
                 .p_filesz = area.size(),
                 .p_memsz = area.size(),
                 .p_align = 4});
        }
        std::memcpy(bytes.data() + at, &section, sizeof(section));
        std::memcpy(bytes.data() + notes_at, area.data(), area.size());
        std::memcpy(bytes.data(), &header, sizeof(header));
        return bytes;
    }
};

// Empty if nothing is wrong.
std::string error_of(std::vector<u8> const& file, KernelRole role = KernelRole::dom0) {
    Complaint error = parse_kernel(file, role).error;
    return error ? error : "";
}
bool is_about(std::string const& error, std::string const& text) {
    return text.empty() ? error.empty() : error.find(text) != std::string::npos;
}

TEST(Elf, ReadsALinuxKernel) {
    for (bool by_section : {false, true}) {
        Image image;
        image.notes_by_section = by_section;
        std::vector<u8> file = image.file();
        ElfResult result = parse_kernel(file, KernelRole::dom0);
        ASSERT_TRUE(result) << result.error;
        ElfKernel const& kernel = result.kernel;
        ASSERT_EQ(kernel.segment_count, 3u);
        EXPECT_EQ(kernel.segments[1].address, virt_base + 0x100'4000);  // by physical address
        EXPECT_EQ(kernel.segments[2].memory_size, 0x3000u);
        EXPECT_EQ(kernel.segments[2].file_size, 0x1000u);
        EXPECT_EQ(kernel.start, virt_base + 0x100'0000);
        EXPECT_EQ(kernel.end, virt_base + 0x100'8000);
        EXPECT_EQ(kernel.entry, 0xffff'ffff'8100'0100);
        EXPECT_EQ(kernel.init_p2m, 0x80'0000'0000);
        EXPECT_FALSE(kernel.hypercall_page);
        EXPECT_TRUE(kernel.initrd_by_pfn);
        EXPECT_TRUE(kernel.magic_with_pae);
    }
}

TEST(Elf, SortsSegments) {
    Image image;
    std::swap(image.segments[0], image.segments[2]);
    std::vector<u8> file = image.file();
    ElfResult result = parse_kernel(file, KernelRole::dom0);
    ASSERT_TRUE(result);
    for (u32 i = 1; i < result.kernel.segment_count; ++i)
        EXPECT_LT(result.kernel.segments[i - 1].address, result.kernel.segments[i].address);
}

TEST(Elf, TakesTheEntryOfTheHeaderIfNoNoteNamesOne) {
    Image image;
    image.remove(abi::elfnote::entry);
    std::vector<u8> file = image.file();
    u64 const entry = virt_base + 0x100'0200;
    std::memcpy(file.data() + 24, &entry, sizeof(entry));  // e_entry
    ElfResult result = parse_kernel(file, KernelRole::dom0);
    EXPECT_EQ(result.error, nullptr);
    EXPECT_EQ(result.kernel.entry, entry);
}

TEST(Elf, NamesWhatIsWrong) {
    struct Case {
        char const* error;
        std::function<void(Image&)> change;
    };
    using namespace abi::elfnote;
    Case const cases[] = {
        {"no Xen notes", [](Image& i) { i.owner = "GNU"; }},
        {"entry point is outside", [](Image& i) { i.number(entry, virt_base); }},
        {"no usable base address", [](Image& i) { i.number(abi::elfnote::virt_base, 0xffff'8000'0000'0000); }},
        {"no usable base address", [](Image& i) { i.number(abi::elfnote::virt_base, ::virt_base + 1); }},
        {"interface xen-3.0", [](Image& i) { i.text(xen_version, "xen-2.0"); }},
        {"interface xen-3.0", [](Image& i) { i.remove(xen_version); }},
        {"another loader", [](Image& i) { i.text(loader, "special"); }},
        {"requires a feature", [](Image& i) { i.text(features, "!auto_translated_physmap"); }},
        {"requires a feature", [](Image& i) { i.text(features, "a|!supervisor_mode_kernel"); }},
        {"", [](Image& i) { i.text(features, "auto_translated_physmap|!writable_page_tables"); }},
        {"cannot run as dom0", [](Image& i) { i.number(supported_features, 1); }},
        {"", [](Image& i) { i.remove(supported_features); }},
        {"the list of frames", [](Image& i) { i.number(init_p2m, 0xffff'8000'0000'0000); }},
        {"hypercall page is outside", [](Image& i) { i.number(hypercall_page, virt_base + 0x100'8000); }},
        {"hypercall page is outside", [](Image& i) { i.number(hypercall_page, virt_base + 0x100'0001); }},
        {"", [](Image& i) { i.number(hypercall_page, virt_base + 0x100'7000); }},
        {"",  // of use to whoever edits page tables from outside
         [](Image& i) {
             i.remove(l1_mfn_valid);
             i.notes.push_back({l1_mfn_valid, std::vector<u8>(16, 2)});
         }},
        {"damaged",
         [](Image& i) {
             i.notes.push_back({entry, std::vector<u8>(9)});
         }},
        {"no segment to load", [](Image& i) { i.segments.clear(); }},
        {"more segments",
         [](Image& i) {
             i.segments.assign(17, {0, 0x100'0000, 0, 16});
             for (u64 n = 0; n < 17; ++n) i.segments[n].physical_address += n * 4096;
         }},
        {"overlap", [](Image& i) { i.segments[1].physical_address = 0x100'1fff; }},
        {"overlap", [](Image& i) { i.segments[0].memory_size = 0x4001; }},
        {"larger in the file", [](Image& i) { i.segments[0].memory_size = 0x1fff; }},
        {"a segment's address", [](Image& i) { i.segments[2].physical_address = ~u64{0} - 16; }},
        {"a segment's address", [](Image& i) { i.segments[2].memory_size = ~u64{0}; }},
        {"a segment's address", [](Image& i) { i.segments[2].physical_address = 0x8000'0000; }},
        {"a segment's address", [](Image& i) { i.number(paddr_offset, 0x100'0001); }},
    };
    int number = 0;
    for (Case const& wrong : cases) {
        Image image;
        wrong.change(image);
        EXPECT_TRUE(is_about(error_of(image.file()), wrong.error))
            << "case " << number << ": " << error_of(image.file());
        ++number;
    }
}

TEST(Elf, PaddrOffsetIsSubtracted) {
    Image image;
    image.number(abi::elfnote::paddr_offset, 0x100'0000);
    image.number(abi::elfnote::virt_base, virt_base + 0x100'0000);
    std::vector<u8> file = image.file();
    ElfResult result = parse_kernel(file, KernelRole::guest);
    ASSERT_TRUE(result);
    EXPECT_EQ(result.kernel.start, virt_base + 0x100'0000);
}

TEST(Elf, GuestsNeedNotBeDom0Kernels) {
    Image image;
    image.number(abi::elfnote::supported_features, 1);
    EXPECT_EQ(error_of(image.file(), KernelRole::guest), "");
}

TEST(Elf, ForeignFiles) {
    EXPECT_TRUE(is_about(error_of({}), "too short"));
    std::vector<u8> script{'#', '!', '/', 'b', 'i', 'n'};
    EXPECT_TRUE(is_about(error_of(script), "not an ELF file ("));
    std::vector<u8> file = Image{}.file();
    file[EI_CLASS] = ELFCLASS32;
    EXPECT_TRUE(is_about(error_of(file), "64-bit x86"));
    file[EI_CLASS] = ELFCLASS64;
    file[16] = ET_REL;
    EXPECT_TRUE(is_about(error_of(file), "neither an executable"));
}

// A truncated file gives an error at every length, never a kernel that is not all there.
TEST(Elf, EveryTruncationIsAnError) {
    std::vector<u8> const whole = Image{}.file();
    for (usize length = 0; length < whole.size(); length += length < 2048 ? 1 : 511) {
        std::vector<u8> part(whole.begin(), whole.begin() + static_cast<long>(length));
        EXPECT_FALSE(parse_kernel(part, KernelRole::dom0)) << length;
    }
}
}  // namespace
