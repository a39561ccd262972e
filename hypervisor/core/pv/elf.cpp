// SPDX-License-Identifier: MIT
// File format after the System V ABI (gABI chapters 4 and 5); notes after public/elfnote.h.
#include "core/pv/elf.hpp"
#include <cstring>
#include "core/mm/pte.hpp"
#include "core/pv/elf_notes.hpp"

namespace hv::pv {
namespace {
struct FileHeader {
    u8 ident[16];
    u16 type;
    u16 machine;
    u32 version;
    u64 entry;
    u64 program_offset;
    u64 section_offset;
    u32 flags;
    u16 header_size;
    u16 program_size;
    u16 program_count;
    u16 section_size;
    u16 section_count;
    u16 names_index;
};
static_assert(sizeof(FileHeader) == 64);

struct ProgramHeader {
    static constexpr u32 load = 1;
    static constexpr u32 note = 4;
    u32 type;
    u32 flags;
    u64 offset;
    u64 virtual_address;
    u64 physical_address;
    u64 file_size;
    u64 memory_size;
    u64 alignment;
};
static_assert(sizeof(ProgramHeader) == 56);

struct SectionHeader {
    static constexpr u32 note = 7;
    u32 name;
    u32 type;
    u64 flags;
    u64 address;
    u64 offset;
    u64 size;
    u32 link;
    u32 info;
    u64 alignment;
    u64 entry_size;
};
static_assert(sizeof(SectionHeader) == 64);

constexpr u16 executable = 2;
constexpr u16 shared_object = 3;
constexpr u16 machine_x86_64 = 62;
constexpr u64 largest_image = u64{1} << 39;  // one L4 slot

bool lies_inside(u64 offset, u64 size, u64 whole) { return offset <= whole && size <= whole - offset; }

class KernelParser {
public:
    KernelParser(std::span<u8 const> file, KernelRole role) : file_{file}, role_{role} {}

    ElfResult run() {
        ElfError error = check_header();
        if (error == ElfError::none) error = read_notes();
        if (error == ElfError::none) error = notes_.check(role_);
        if (error == ElfError::none) error = read_segments();
        if (error == ElfError::none) error = take_notes();
        return {error, kernel_};
    }

private:
    template <class T>
    T at(u64 offset) const {  // the caller has checked the range
        T value;
        std::memcpy(&value, file_.data() + offset, sizeof(T));
        return value;
    }
    ProgramHeader program(u32 index) const {
        return at<ProgramHeader>(header_.program_offset + u64{index} * sizeof(ProgramHeader));
    }

    ElfError check_header() {
        constexpr u8 magic[] = {0x7f, 'E', 'L', 'F'};
        constexpr u32 class_index = 4;
        constexpr u32 data_index = 5;
        if (file_.size() < sizeof(magic)) return ElfError::too_short;
        if (std::memcmp(file_.data(), magic, sizeof(magic)) != 0) return ElfError::not_elf;
        if (file_.size() < sizeof(FileHeader)) return ElfError::too_short;
        header_ = at<FileHeader>(0);
        if (header_.ident[class_index] != 2 || header_.ident[data_index] != 1 || header_.machine != machine_x86_64)
            return ElfError::not_x86_64;
        if (header_.type != executable && header_.type != shared_object) return ElfError::bad_type;
        if (header_.program_size != sizeof(ProgramHeader) || header_.program_count == 0 ||
            !lies_inside(header_.program_offset, u64{header_.program_count} * sizeof(ProgramHeader), file_.size()))
            return ElfError::bad_program_headers;
        return ElfError::none;
    }

    // Program headers first; stripped of those, sections may still name the notes.
    ElfError read_notes() {
        for (u32 i = 0; i < header_.program_count; ++i) {
            ProgramHeader segment = program(i);
            if (segment.type != ProgramHeader::note) continue;
            ElfError error = add_notes(segment.offset, segment.file_size);
            if (error != ElfError::none) return error;
        }
        if (notes_.found() || header_.section_count == 0) return ElfError::none;
        if (header_.section_size != sizeof(SectionHeader) ||
            !lies_inside(header_.section_offset, u64{header_.section_count} * sizeof(SectionHeader), file_.size()))
            return ElfError::bad_section_headers;
        for (u32 i = 0; i < header_.section_count; ++i) {
            SectionHeader section = at<SectionHeader>(header_.section_offset + u64{i} * sizeof(SectionHeader));
            if (section.type != SectionHeader::note) continue;
            ElfError error = add_notes(section.offset, section.size);
            if (error != ElfError::none) return error;
        }
        return ElfError::none;
    }
    ElfError add_notes(u64 offset, u64 size) {
        if (!lies_inside(offset, size, file_.size())) return ElfError::bad_note;
        return notes_.add(file_.subspan(offset, size));
    }

    ElfError read_segments() {
        kernel_.virt_base = notes_.virt_base;
        if ((kernel_.virt_base & ~page_mask) != 0 || !is_guest_address(kernel_.virt_base))
            return ElfError::bad_virt_base;
        for (u32 i = 0; i < header_.program_count; ++i) {
            ProgramHeader segment = program(i);
            if (segment.type != ProgramHeader::load || segment.memory_size == 0) continue;
            ElfError error = add_segment(segment);
            if (error != ElfError::none) return error;
        }
        if (kernel_.segment_count == 0) return ElfError::no_segments;
        kernel_.start = kernel_.segments[0].address;
        ElfSegment const& last = kernel_.segments[kernel_.segment_count - 1];
        kernel_.end = last.address + last.memory_size;
        return ElfError::none;
    }
    // Placed by physical address: Linux's per-CPU segment has virtual address 0.
    ElfError add_segment(ProgramHeader const& segment) {
        if (kernel_.segment_count == max_elf_segments) return ElfError::too_many_segments;
        if (segment.memory_size < segment.file_size) return ElfError::segment_smaller_than_file_part;
        if (!lies_inside(segment.offset, segment.file_size, file_.size())) return ElfError::segment_outside_file;
        u64 place = segment.physical_address - notes_.paddr_offset;
        if (segment.physical_address < notes_.paddr_offset || !lies_inside(place, segment.memory_size, largest_image))
            return ElfError::address_overflow;
        ElfSegment added{.address = kernel_.virt_base + place,
                         .memory_size = segment.memory_size,
                         .offset = segment.offset,
                         .file_size = segment.file_size};
        u64 last_byte = added.address + added.memory_size - 1;
        bool crosses = (added.address < hypervisor_start) != (last_byte < hypervisor_start);
        if (last_byte < kernel_.virt_base || !is_guest_address(last_byte) || last_byte == ~u64{0} || crosses)
            return ElfError::address_overflow;
        return insert(added);
    }
    ElfError insert(ElfSegment const& added) {  // by address
        u32 position = kernel_.segment_count;
        while (position > 0 && kernel_.segments[position - 1].address > added.address) {
            kernel_.segments[position] = kernel_.segments[position - 1];
            --position;
        }
        kernel_.segments[position] = added;
        ++kernel_.segment_count;
        if (position > 0) {
            ElfSegment const& before = kernel_.segments[position - 1];
            if (before.address + before.memory_size > added.address) return ElfError::segments_overlap;
        }
        if (position + 1 < kernel_.segment_count &&
            added.address + added.memory_size > kernel_.segments[position + 1].address)
            return ElfError::segments_overlap;
        return ElfError::none;
    }

    ElfError take_notes() {
        kernel_.entry = *notes_.entry;
        if (kernel_.entry < kernel_.start || kernel_.entry >= kernel_.end) return ElfError::entry_outside_image;
        kernel_.hypercall_page = notes_.hypercall_page;
        if (notes_.hypercall_page) {
            u64 page = *notes_.hypercall_page;
            if ((page & ~page_mask) != 0 || page < kernel_.start || page >= kernel_.end ||
                kernel_.end - page < page_size)
                return ElfError::hypercall_page_outside_image;
        }
        kernel_.init_p2m = notes_.init_p2m;
        if (notes_.init_p2m && ((*notes_.init_p2m & ~page_mask) != 0 || !is_guest_address(*notes_.init_p2m)))
            return ElfError::bad_p2m_address;
        kernel_.initrd_by_pfn = notes_.initrd_by_pfn;
        kernel_.magic_with_pae = notes_.pae_mode;
        return ElfError::none;
    }

    std::span<u8 const> file_;
    KernelRole role_;
    FileHeader header_{};
    XenNotes notes_{};
    ElfKernel kernel_{};
};
}  // namespace

ElfResult parse_kernel(std::span<u8 const> file, KernelRole role) { return KernelParser{file, role}.run(); }

char const* describe(ElfError error) {
    switch (error) {
        case ElfError::none: return "no error";
        case ElfError::too_short: return "the file is too short to be a kernel";
        case ElfError::not_elf: return "not an ELF file (a bzImage must be unpacked first)";
        case ElfError::not_x86_64: return "not an ELF file for 64-bit x86";
        case ElfError::bad_type: return "an ELF file, but neither an executable nor a shared object";
        case ElfError::bad_program_headers: return "its program headers are missing or outside the file";
        case ElfError::bad_section_headers: return "its section headers are outside the file";
        case ElfError::no_segments: return "it has no segment to load";
        case ElfError::too_many_segments: return "it has more segments than we can load";
        case ElfError::segment_outside_file: return "a segment is outside the file, which may be truncated";
        case ElfError::segment_smaller_than_file_part: return "a segment is larger in the file than in memory";
        case ElfError::address_overflow: return "a segment's address is outside the range that a kernel may use";
        case ElfError::segments_overlap: return "two of its segments overlap";
        case ElfError::bad_note: return "a note in it is damaged";
        case ElfError::no_xen_notes: return "it has no Xen notes: not a PV kernel";
        case ElfError::no_entry: return "its notes name no entry point";
        case ElfError::entry_outside_image: return "its entry point is outside its segments";
        case ElfError::wrong_interface: return "it is not made for the interface xen-3.0";
        case ElfError::wrong_loader: return "it wants another loader than \"generic\"";
        case ElfError::missing_feature: return "it requires a feature that we do not have";
        case ElfError::not_for_dom0: return "it cannot run as dom0";
        case ElfError::bad_virt_base: return "its notes name no usable base address";
        case ElfError::hypercall_page_outside_image: return "its hypercall page is outside its segments";
        case ElfError::bad_p2m_address: return "the address it wants for the list of frames cannot be used";
        case ElfError::bad_l1_mfn_valid: return "it marks valid page-table entries by another bit than \"present\"";
    }
    return "unknown error";
}
}  // namespace hv::pv
