// SPDX-License-Identifier: MIT
// File format after the System V ABI (gABI chapters 4 and 5); notes after public/elfnote.h.
#include "portable/kernel/image.hpp"
#include <algorithm>
#include <cstring>
#include "portable/base/pte.hpp"
#include "public/elfnote.hpp"

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
    static constexpr u32 load = 1, note = 4;
    u32 type, flags;
    u64 offset, virtual_address, physical_address, file_size, memory_size, alignment;
};
static_assert(sizeof(ProgramHeader) == 56);

struct SectionHeader {
    static constexpr u32 note = 7;
    u32 name, type;
    u64 flags, address, offset, file_size;
    u32 link, info;
    u64 alignment, entry_size;
};
static_assert(sizeof(SectionHeader) == 64);

struct NoteHeader {
    u32 name_size, value_size, type;
};

constexpr u16 executable = 2, shared_object = 3, machine_x86_64 = 62;
constexpr u64 most_note_bytes = u64{1} << 20;  // Linux has about one KiB
constexpr Complaint damaged = "a note in it is damaged";
constexpr Complaint bad_address = "a segment's address is outside the range that a kernel may use";

bool lies_inside(u64 offset, u64 size, u64 whole) { return offset <= whole && size <= whole - offset; }
bool is_page(u64 address) { return (address & ~page_mask) == 0; }

std::string_view text_of(std::span<u8 const> value) {  // without the terminating zero, if there is one
    std::string_view text{reinterpret_cast<char const*>(value.data()), value.size()};
    return text.substr(0, text.find('\0'));
}

std::optional<u64> number_of(std::span<u8 const> value) {
    if (value.size() != 1 && value.size() != 2 && value.size() != 4 && value.size() != 8) return {};
    u64 number = 0;
    std::memcpy(&number, value.data(), value.size());
    return number;
}

class KernelParser {
public:
    KernelParser(KernelFile file, KernelRole role) : file_{file} { image_.role = role; }

    Refusal run() {
        if (Complaint error = check_header()) return {error};
        if (Complaint error = read_notes()) return {error};
        if (Refusal refusal = check_notes()) return refusal;
        if (Complaint error = read_segments()) return {error};
        image_.entry = entry_.value_or(header_.entry);
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
        constexpr u32 class_index = 4, data_index = 5;
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
        if (Complaint error = add_notes<ProgramHeader>(header_.program_offset, header_.program_count)) return error;
        if (found_ || header_.section_count == 0) return nullptr;
        if (header_.section_size != sizeof(SectionHeader) ||
            !lies_inside(header_.section_offset, u64{header_.section_count} * sizeof(SectionHeader), file_.size()))
            return "its section headers are outside the file, which may be truncated";
        return add_notes<SectionHeader>(header_.section_offset, header_.section_count);
    }
    template <class Header>
    Complaint add_notes(u64 table, u32 count) {
        for (u32 i = 0; i < count; ++i) {
            auto const area = at<Header>(table, i);
            if (area.type != Header::note) continue;
            if (!lies_inside(area.offset, area.file_size, file_.size()))
                return "its notes are outside the file, which may be truncated";
            // Areas may overlap, so a bound on each would be none on the work.
            if (area.file_size > note_bytes_left_) return "it has more notes than a kernel needs";
            note_bytes_left_ -= area.file_size;
            if (Complaint error = add_area(file_.subspan(area.offset, area.file_size))) return error;
        }
        return nullptr;
    }
    // Those of other owners are passed over.
    Complaint add_area(std::span<u8 const> area) {
        constexpr u64 alignment = 4;
        constexpr u8 owner[] = {'X', 'e', 'n', 0};
        while (area.size() >= sizeof(NoteHeader)) {
            NoteHeader header;
            std::memcpy(&header, area.data(), sizeof(header));
            area = area.subspan(sizeof(header));
            u64 name_room = round_up(header.name_size, alignment);
            if (name_room > area.size() || header.value_size > area.size() - name_room) return damaged;
            std::span<u8 const> value = area.subspan(name_room, header.value_size);
            if (header.name_size == sizeof(owner) && std::memcmp(area.data(), owner, sizeof(owner)) == 0) {
                found_ = true;
                if (Complaint error = take(header.type, value)) return error;
            }
            u64 whole = name_room + round_up(header.value_size, alignment);
            area = area.subspan(std::min<u64>(whole, area.size()));  // the last note may lack its padding
        }
        return nullptr;
    }

    Complaint take(u32 type, std::span<u8 const> value) {
        std::string_view const text = text_of(value);
        std::optional<u64> const number = number_of(value);
        switch (type) {
            case abi::elfnote::xen_version: interface_ = text; return nullptr;
            case abi::elfnote::loader: loader_ = text; return nullptr;
            case abi::elfnote::guest_os: system_ = text; return nullptr;
            case abi::elfnote::features: take_features(text); return nullptr;
            case abi::elfnote::pae_mode: image_.pae_mode = text.starts_with("yes"); return nullptr;
            case abi::elfnote::entry: entry_ = number; break;
            case abi::elfnote::hypercall_page: image_.hypercall_page = number; break;
            case abi::elfnote::virt_base: virt_base_ = number; break;
            case abi::elfnote::paddr_offset: paddr_offset_ = number; break;
            case abi::elfnote::init_p2m: image_.init_p2m = number; break;
            case abi::elfnote::mod_start_pfn: image_.initrd_by_pfn = number.value_or(0) != 0; break;
            case abi::elfnote::supported_features:
                says_what_it_supports_ = true;
                supports_dom0_ |= (number.value_or(0) >> abi::feature::dom0 & 1) != 0;
                break;
            default: return nullptr;  // informative
        }
        return number ? nullptr : damaged;
    }
    // "!name" is required, "name" is welcome; joined by '|'. Only few features have a name here, and of those a PV
    // domain lacks some. Writable page tables exist by emulation, not as the feature bit of that name, which only
    // translated guests have.
    void take_features(std::string_view list) {
        constexpr std::string_view offered[] = {"writable_page_tables", "pae_pgdir_above_4gb", "dom0"};
        while (!list.empty()) {
            std::string_view name = list.substr(0, list.find('|'));
            list.remove_prefix(std::min(name.size() + 1, list.size()));
            bool const required = name.starts_with('!');
            if (required) name.remove_prefix(1);
            if (name == "dom0") supports_dom0_ = true;
            if (required && missing_.empty() && std::ranges::find(offered, name) == std::end(offered)) missing_ = name;
        }
    }

    // Refuses kernels that ask for something that we cannot give.
    Refusal check_notes() const {
        if (!found_) return {"it has no Xen notes: not a PV kernel"};
        if (!loader_.starts_with("generic") && !system_.starts_with("linux"))
            return {"it wants another loader than \"generic\"", loader_};
        if (!interface_.starts_with("xen-3.0")) return {"it is not made for the interface xen-3.0", interface_};
        if (!missing_.empty()) return {"it requires a feature that we do not have", missing_};
        if (paddr_offset_ && !virt_base_) return {"its notes name an offset, but no base address"};
        if (image_.role == KernelRole::dom0 && says_what_it_supports_ && !supports_dom0_)
            return {"it cannot run as dom0"};
        return {};
    }

    // Where the guest sees what the file has at this physical address; nothing if that is outside of what an image may
    // cover.
    std::optional<u64> place(u64 physical_address, u64 size) const {
        u64 const offset = paddr_offset_.value_or(0), base = virt_base_.value_or(0), at = physical_address - offset;
        if (physical_address < offset || at > largest_image || size > largest_image - at) return {};
        u64 const address = base + at;
        if (address < base || address + size < address) return {};  // not the last byte of all, either
        return address;
    }

    Complaint read_segments() {
        image_.virt_base = virt_base_.value_or(0);
        for (u32 i = 0; i < header_.program_count; ++i) {
            auto segment = at<ProgramHeader>(header_.program_offset, i);
            if (segment.type != ProgramHeader::load || segment.memory_size == 0) continue;
            if (image_.segment_count == max_elf_segments) return "it has more segments than we can load";
            // Placed by physical address: Linux's per-CPU segment has virtual address 0.
            std::optional<u64> address = place(segment.physical_address, segment.memory_size);
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

    KernelFile file_;
    FileHeader header_{};
    KernelImage image_{};
    u64 note_bytes_left_ = most_note_bytes;
    std::optional<u64> entry_{}, virt_base_{}, paddr_offset_{};
    std::string_view interface_{}, loader_{}, system_{};
    std::string_view missing_{};  // the first feature that it requires and we do not know
    bool found_ = false;
    bool says_what_it_supports_ = false;
    bool supports_dom0_ = false;
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
