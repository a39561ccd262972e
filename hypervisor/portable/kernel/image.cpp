// SPDX-License-Identifier: MIT
// File format after the System V ABI (gABI chapters 4 and 5); notes after public/elfnote.h.
#include "portable/kernel/image.hpp"
#include <algorithm>
#include <cstring>
#include "portable/base/pte.hpp"

namespace hv::pv {
namespace {
struct FileHeader {
    u8 ident[16];
    u16 type, machine;
    u32 version;
    u64 entry, program_offset, section_offset;
    u32 flags;
    u16 header_size, program_size, program_count, section_size, section_count, names_index;
};
static_assert(sizeof(FileHeader) == 64);

struct ProgramHeader {
    static constexpr u32 load = 1;
    static constexpr u32 note = 4;
    u32 type, flags;
    u64 offset, virtual_address, physical_address, file_size, memory_size, alignment;
};
static_assert(sizeof(ProgramHeader) == 56);

struct SectionHeader {
    static constexpr u32 note = 7;
    u32 name, type;
    u64 flags, address, offset, size;
    u32 link, info;
    u64 alignment, entry_size;
};
static_assert(sizeof(SectionHeader) == 64);

constexpr u16 executable = 2;
constexpr u16 shared_object = 3;
constexpr u16 machine_x86_64 = 62;
constexpr u64 most_note_bytes = u64{1} << 20;  // Linux has about one KiB
constexpr Complaint bad_address = "a segment's address is outside the range that a kernel may use";

bool lies_inside(u64 offset, u64 size, u64 whole) { return offset <= whole && size <= whole - offset; }
bool is_page(u64 address) { return (address & ~page_mask) == 0; }

class KernelParser {
public:
    KernelParser(KernelFile file, KernelRole role) : file_{file} { image_.role = role; }

    Refusal run() {
        if (Complaint error = check_header()) return {error};
        if (Complaint error = read_notes()) return {error};
        if (Refusal refusal = notes_.check(image_.role)) return refusal;
        if (Complaint error = read_segments()) return {error};
        take_notes();
        return {check_image(image_, file_.size())};
    }
    KernelImage const& image() const { return image_; }

private:
    template <class T>
    T at(u64 offset, u64 index = 0) const {  // the caller has checked the range
        T value;
        std::memcpy(&value, file_.data() + offset + index * sizeof(T), sizeof(T));
        return value;
    }

    Complaint check_header() {
        constexpr u8 magic[] = {0x7f, 'E', 'L', 'F'};
        constexpr u32 class_index = 4;
        constexpr u32 data_index = 5;
        constexpr Complaint too_short = "the file is too short to be a kernel";
        if (file_.size() < sizeof(magic)) return too_short;
        if (std::memcmp(file_.data(), magic, sizeof(magic)) != 0)
            return "not an ELF file (a bzImage must be unpacked first)";
        if (file_.size() < sizeof(FileHeader)) return too_short;
        header_ = at<FileHeader>(0);
        if (header_.ident[class_index] != 2 || header_.ident[data_index] != 1 || header_.machine != machine_x86_64)
            return "not an ELF file for 64-bit x86";
        if (header_.type != executable && header_.type != shared_object)
            return "an ELF file, but neither an executable nor a shared object";
        if (header_.program_size != sizeof(ProgramHeader) || header_.program_count == 0 ||
            !lies_inside(header_.program_offset, u64{header_.program_count} * sizeof(ProgramHeader), file_.size()))
            return "its program headers are missing or outside the file";
        return nullptr;
    }

    // Program headers first; stripped of those, sections may still name the notes.
    Complaint read_notes() {
        for (u32 i = 0; i < header_.program_count; ++i) {
            auto segment = at<ProgramHeader>(header_.program_offset, i);
            if (segment.type != ProgramHeader::note) continue;
            if (Complaint error = add_notes(segment.offset, segment.file_size)) return error;
        }
        if (notes_.found || header_.section_count == 0) return nullptr;
        if (header_.section_size != sizeof(SectionHeader) ||
            !lies_inside(header_.section_offset, u64{header_.section_count} * sizeof(SectionHeader), file_.size()))
            return "its section headers are outside the file, which may be truncated";
        for (u32 i = 0; i < header_.section_count; ++i) {
            auto section = at<SectionHeader>(header_.section_offset, i);
            if (section.type != SectionHeader::note) continue;
            if (Complaint error = add_notes(section.offset, section.size)) return error;
        }
        return nullptr;
    }
    // Areas may overlap, so a bound on each would be none on the work.
    Complaint add_notes(u64 offset, u64 size) {
        if (!lies_inside(offset, size, file_.size())) return "its notes are outside the file, which may be truncated";
        if (size > note_bytes_left_) return "it has more notes than a kernel needs";
        note_bytes_left_ -= size;
        return notes_.add(file_.subspan(offset, size));
    }

    Complaint read_segments() {
        image_.virt_base = notes_.virt_base.value_or(0);
        for (u32 i = 0; i < header_.program_count; ++i) {
            auto segment = at<ProgramHeader>(header_.program_offset, i);
            if (segment.type != ProgramHeader::load || segment.memory_size == 0) continue;
            if (image_.segment_count == max_elf_segments) return "it has more segments than we can load";
            // Placed by physical address: Linux's per-CPU segment has virtual address 0.
            std::optional<u64> address = notes_.place(segment.physical_address, segment.memory_size);
            if (!address) return bad_address;
            insert({*address, segment.memory_size, segment.offset, segment.file_size});
        }
        if (image_.segment_count == 0) return "it has no segment to load";
        image_.start = image_.loads().front().address;
        image_.end = image_.loads().back().end();
        return nullptr;
    }
    void insert(Segment const& added) {  // by address
        Segment* begin = image_.segments.data();
        Segment* end = begin + image_.segment_count++;
        Segment* place = std::upper_bound(begin, end, added, [](auto& a, auto& b) { return a.address < b.address; });
        std::copy_backward(place, end, end + 1);
        *place = added;
    }

    void take_notes() {
        image_.entry = notes_.entry.value_or(header_.entry);
        image_.hypercall_page = notes_.hypercall_page;
        image_.init_p2m = notes_.init_p2m;
        image_.initrd_by_pfn = notes_.initrd_by_pfn;
        image_.pae_mode = notes_.pae_mode;
    }

    KernelFile file_;
    FileHeader header_{};
    XenNotes notes_{};
    u64 note_bytes_left_ = most_note_bytes;
    KernelImage image_{};
};

Complaint check_segment(Segment const& segment, KernelImage const& image, u64 file_size) {
    if (segment.memory_size < segment.file_size) return "a segment is larger in the file than in memory";
    if (!lies_inside(segment.offset, segment.file_size, file_size))
        return "a segment is outside the file, which may be truncated";
    if (segment.address < image.virt_base || segment.memory_size == 0 ||
        !lies_inside(segment.address - image.virt_base, segment.memory_size, largest_image))
        return bad_address;
    u64 const last_byte = segment.end() - 1;
    bool const crosses = (segment.address < hypervisor_start) != (last_byte < hypervisor_start);
    return segment.end() < segment.address || !is_guest_address(last_byte) || crosses ? bad_address : nullptr;
}
}  // namespace

Complaint check_image(KernelImage const& image, u64 file_size) {
    if (!is_page(image.virt_base) || !is_guest_address(image.virt_base)) return "its notes name no usable base address";
    if (image.segment_count == 0 || image.segment_count > max_elf_segments)
        return "it has no segments, or more than we can load";
    u64 end = image.virt_base;
    for (Segment const& segment : image.loads()) {
        if (Complaint error = check_segment(segment, image, file_size)) return error;
        if (segment.address < end) return "two of its segments overlap";
        end = segment.end();
    }
    if (image.start != image.segments[0].address || image.end != end) return "it does not end where its segments do";
    if (image.entry < image.start || image.entry >= image.end) return "its entry point is outside its segments";
    std::optional<u64> const page = image.hypercall_page;
    bool const inside = page && *page >= image.start && *page < image.end && image.end - *page >= page_size;
    if (page && (!is_page(*page) || !inside)) return "its hypercall page is outside its segments";
    if (image.init_p2m && (!is_page(*image.init_p2m) || !is_guest_address(*image.init_p2m)))
        return "the address it wants for the list of frames cannot be used";
    return nullptr;
}

ParsedKernel parse_kernel(KernelFile file, KernelRole role) {
    KernelParser parser{file, role};
    Refusal const refusal = parser.run();
    return {refusal, parser.image()};
}

void copy_from_image(KernelImage const& image, KernelFile file, u64 address, std::span<std::byte> to) {
    for (Segment const& segment : image.loads()) {
        // The last page may end at the end of the address space: lengths are compared, not ends.
        u64 const from = std::max(address, segment.address);
        u64 const skipped = from - segment.address;
        u64 const place = from - address;
        if (skipped >= segment.file_size || place >= to.size()) continue;
        u64 const size = std::min(segment.file_size - skipped, to.size() - place);
        std::memcpy(to.data() + place, file.data() + segment.offset + skipped, size);
    }
}
}  // namespace hv::pv
