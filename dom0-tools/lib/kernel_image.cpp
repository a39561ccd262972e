// SPDX-License-Identifier: MIT
#include "kernel_image.hpp"

#include "decompress.hpp"

#include "portable/kernel/notes.hpp"

#include <elf.h>

#include <algorithm>
#include <cstring>

namespace paravane {
namespace {
using Bytes = std::span<std::byte const>;
using hv::pv::XenNotes;

constexpr std::size_t unpacked_limit = std::size_t{256} << 20;
constexpr std::size_t most_headers = 256;

Error unusable(std::string why) { return Error{"", std::move(why), ENOEXEC}; }

// A copy of the structure at `offset`; none where the file ends before it does.
template <class T>
std::optional<T> read_at(Bytes file, std::uint64_t offset) {
    if (offset > file.size() || file.size() - offset < sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, file.data() + offset, sizeof value);
    return value;
}

std::optional<Bytes> slice(Bytes file, std::uint64_t offset, std::uint64_t size) {
    if (offset > file.size() || file.size() - offset < size) return std::nullopt;
    return file.subspan(offset, size);
}

bool is_elf(Bytes file) { return file.size() >= SELFMAG && std::memcmp(file.data(), ELFMAG, SELFMAG) == 0; }

// The Linux boot header (Documentation/x86/boot.rst): "HdrS" at 0x202, version at 0x206, the payload from 2.08 on.
bool is_bzimage(Bytes file) { return read_at<std::uint32_t>(file, 0x202) == 0x53726448u; }

Result<Bytes> bzimage_payload(Bytes file) {
    std::optional<std::uint16_t> version = read_at<std::uint16_t>(file, 0x206);
    std::optional<std::uint32_t> offset = read_at<std::uint32_t>(file, 0x248);
    std::optional<std::uint32_t> length = read_at<std::uint32_t>(file, 0x24c);
    if (!version || !offset || !length) return unusable("the file ends inside the bzImage header");
    if (*version < 0x208) return unusable("bzImage older than boot protocol 2.08: it has no payload to find");
    auto sectors = std::to_integer<std::uint64_t>(file[0x1f1]);
    std::uint64_t start = ((sectors == 0 ? 4 : sectors) + 1) * 512 + *offset;
    std::optional<Bytes> payload = slice(file, start, *length);
    if (!payload) {
        return unusable("truncated: the payload ends at byte " + std::to_string(start + *length) +
                        ", the file has only " + std::to_string(file.size()));
    }
    return *payload;
}

// One program header as a segment; the virtual addresses of the ELF are not used, since Linux's per-CPU data is at 0.
Result<std::optional<KernelSegment>> load_segment(Bytes elf, Elf64_Phdr const& header, std::size_t index) {
    if (header.p_type != PT_LOAD || header.p_memsz == 0) return std::optional<KernelSegment>{};
    std::string name = "segment " + std::to_string(index);
    if (header.p_filesz > header.p_memsz) return unusable(name + " is larger in the file than in memory");
    if (!slice(elf, header.p_offset, header.p_filesz)) {
        return unusable("truncated: " + name + " ends at byte " + std::to_string(header.p_offset + header.p_filesz) +
                        ", the file has only " + std::to_string(elf.size()));
    }
    return std::optional{KernelSegment{.address = header.p_paddr,
                                       .memory_size = header.p_memsz,
                                       .file_offset = header.p_offset,
                                       .file_size = header.p_filesz}};
}

Result<> add_notes(XenNotes& notes, Bytes elf, std::uint64_t offset, std::uint64_t size) {
    std::optional<Bytes> area = slice(elf, offset, size);
    if (!area) return unusable("truncated: its notes lie behind the end of the file");
    hv::pv::Complaint error = notes.add({reinterpret_cast<std::uint8_t const*>(area->data()), area->size()});
    if (error) return unusable(error);
    return {};
}

// Notes from all PT_NOTE segments; when none of them is Xen's, from SHT_NOTE sections, where some linkers leave them.
Result<XenNotes> read_notes(Bytes elf, Elf64_Ehdr const& header, std::span<Elf64_Phdr const> programs) {
    XenNotes notes;
    for (Elf64_Phdr const& program : programs) {
        if (program.p_type == PT_NOTE) TRY(add_notes(notes, elf, program.p_offset, program.p_filesz));
    }
    if (notes.found || header.e_shnum == 0) return notes;
    if (header.e_shentsize != sizeof(Elf64_Shdr) ||
        !slice(elf, header.e_shoff, std::uint64_t{header.e_shnum} * sizeof(Elf64_Shdr))) {
        return unusable("truncated: its section headers lie behind the end of the file");
    }
    for (std::size_t i = 0; i < header.e_shnum; ++i) {
        Elf64_Shdr section = *read_at<Elf64_Shdr>(elf, header.e_shoff + i * sizeof(Elf64_Shdr));
        if (section.sh_type == SHT_NOTE) TRY(add_notes(notes, elf, section.sh_offset, section.sh_size));
    }
    return notes;
}

Result<> check_notes(XenNotes const& notes) {
    hv::pv::Refusal refusal = notes.check(hv::pv::KernelRole::guest);
    if (!refusal) return {};
    std::string about{refusal.about};
    return unusable(about.empty() ? refusal.why : std::string{refusal.why} + ": \"" + about + "\"");
}

Result<Elf64_Ehdr> read_header(Bytes elf) {
    if (!is_elf(elf)) return unusable("neither an ELF nor a bzImage");
    std::optional<Elf64_Ehdr> header = read_at<Elf64_Ehdr>(elf, 0);
    if (!header) return unusable("truncated: the file ends inside the ELF header");
    if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB ||
        header->e_machine != EM_X86_64) {
        return unusable("not an ELF for x86-64");
    }
    if (header->e_type != ET_EXEC && header->e_type != ET_DYN) return unusable("not an executable ELF");
    if (header->e_phentsize != sizeof(Elf64_Phdr) || header->e_phnum == 0 || header->e_phnum > most_headers) {
        return unusable("no usable program headers in this ELF");
    }
    return *header;
}

Result<std::vector<Elf64_Phdr>> read_programs(Bytes elf, Elf64_Ehdr const& header) {
    std::vector<Elf64_Phdr> programs;
    for (std::size_t i = 0; i < header.e_phnum; ++i) {
        std::optional<Elf64_Phdr> program = read_at<Elf64_Phdr>(elf, header.e_phoff + i * sizeof(Elf64_Phdr));
        if (!program) return unusable("truncated: the file ends inside the program headers");
        programs.push_back(*program);
    }
    return programs;
}

// Sorted, disjoint, and moved to the addresses the guest will see.
Result<> place_segments(KernelImage& image, XenNotes const& notes) {
    if (image.segments.empty()) return unusable("nothing to load in this ELF");
    if (image.segments.size() > hv::pv::max_elf_segments) return unusable("it has more segments than we can load");
    std::ranges::sort(image.segments, {}, &KernelSegment::address);
    for (std::size_t i = 0; i < image.segments.size(); ++i) {
        KernelSegment& segment = image.segments[i];
        std::optional<std::uint64_t> place = notes.place(segment.address, segment.memory_size);
        if (!place) return unusable("a segment lies outside the kernel's address range");
        segment.address = *place;
        if (i > 0 && segment.address - image.segments[i - 1].address < image.segments[i - 1].memory_size) {
            return unusable("segments overlap");
        }
    }
    image.start = image.segments.front().address;
    image.end = image.segments.back().address + image.segments.back().memory_size;
    return {};
}

bool inside(KernelImage const& image, std::uint64_t address, std::uint64_t size) {
    return address >= image.start && address <= image.end && image.end - address >= size;
}
}  // namespace

Result<std::vector<std::byte>> unpack_kernel(std::vector<std::byte> file) {
    if (is_elf(file)) return file;
    std::vector<std::byte> elf;
    if (is_bzimage(file)) {
        Bytes payload = TRY(bzimage_payload(file));
        Compression compression = detect_compression(payload);
        // Linux appends the unpacked size to the payload; in gzip it is the last field of the stream anyway.
        std::uint32_t size = payload.size() < 4 ? 0 : *read_at<std::uint32_t>(payload, payload.size() - 4);
        Bytes content = payload.first(payload.size() - std::min<std::size_t>(payload.size(), 4));
        if (is_elf(payload)) {
            if (size != content.size()) content = payload;
            elf.assign(content.begin(), content.end());
        } else if (compression == Compression::none) {
            return unusable("bzImage with a payload in no known compression");
        } else {
            elf = TRY(decompress(compression == Compression::gzip ? payload : content, unpacked_limit, size));
        }
    } else if (detect_compression(file) != Compression::none) {
        elf = TRY(decompress(file, unpacked_limit));
    } else {
        return unusable(file.empty() ? "the file is empty" : "neither an ELF nor a bzImage");
    }
    if (!is_elf(elf)) return unusable("the unpacked payload is not an ELF");
    return elf;
}

Result<KernelImage> parse_kernel(Bytes elf) {
    Elf64_Ehdr header = TRY(read_header(elf));
    std::vector<Elf64_Phdr> programs = TRY(read_programs(elf, header));
    XenNotes notes = TRY(read_notes(elf, header, programs));
    TRY(check_notes(notes));

    KernelImage image;
    for (std::size_t i = 0; i < programs.size(); ++i) {
        std::optional<KernelSegment> segment = TRY(load_segment(elf, programs[i], i));
        if (segment) image.segments.push_back(*segment);
    }
    image.virt_base = notes.virt_base;
    TRY(place_segments(image, notes));
    image.entry = notes.entry.value_or(header.e_entry);
    if (!inside(image, image.entry, 1)) return unusable("the entry point lies outside the image");
    image.hypercall_page = notes.hypercall_page;
    if (image.hypercall_page &&
        (*image.hypercall_page % page_size != 0 || !inside(image, *image.hypercall_page, page_size))) {
        return unusable("the hypercall page lies outside the image or is not aligned");
    }
    image.p2m_base = notes.init_p2m;
    image.initrd_by_frame = notes.initrd_by_pfn;
    return image;
}
}  // namespace paravane
