// SPDX-License-Identifier: MIT
#include "image.hpp"

#include "runtime/guest.hpp"
#include "runtime/memory.hpp"
#include "runtime/page_table.hpp"

namespace warden {
namespace {
namespace pt = guest::page_table;
namespace pte = guest::pte;

// The parts of ELF that matter (System V ABI, chapters 4 and 5).
struct Header {
    u8 identification[24];
    u64 entry;
    u64 segments;
    u8 more[16];
    u16 segment_size, segment_count;
};
struct Segment {
    u32 type, flags;
    u64 offset, virtual_address, physical_address, file_size, memory_size, alignment;
};
constexpr u32 loadable = 1;

Header const& header(u8 const* bytes) { return *reinterpret_cast<Header const*>(bytes); }
Segment const* segments(u8 const* bytes) { return reinterpret_cast<Segment const*>(bytes + header(bytes).segments); }

u64 address(u64 pfn) { return guest::virt_base + pfn * guest::page_size; }

void fill_tables(u8* memory, u64 const* frames, Layout const& layout) {
    auto table = [&](u64 pfn) { return reinterpret_cast<u64*>(memory + pfn * guest::page_size); };
    auto link = [&](u64 pfn) { return pt::entry(Mfn{frames[pfn]}, pte::read_write); };
    table(layout.l4)[pt::slot(guest::virt_base, 4)] = link(layout.l3);
    table(layout.l3)[pt::slot(guest::virt_base, 3)] = link(layout.l2);
    for (u64 i = 0; i < Layout::l1_tables; ++i) { table(layout.l2)[i] = link(layout.l1 + i); }
    for (u64 pfn = 0; pfn < pages; ++pfn) {
        bool is_table = pfn >= layout.l4 && pfn < layout.tables_end();
        table(layout.l1)[pfn] = pt::entry(Mfn{frames[pfn]}, is_table ? pte::read_only : pte::read_write);
    }
}
}  // namespace

Image::Image() : bytes_{reinterpret_cast<u8 const*>(guest::start_info().mod_start)} {
    require(guest::start_info().mod_len > sizeof(Header) && bytes_[0] == 0x7f && bytes_[1] == 'E',
            "a guest image as initrd");
}

u64 Image::entry() const { return header(bytes_).entry; }

Layout Image::layout() const {
    u64 end = 0;
    for (u32 i = 0; i < header(bytes_).segment_count; ++i) {
        Segment const& segment = segments(bytes_)[i];
        u64 segment_end = segment.physical_address + segment.memory_size;
        if (segment.type == loadable && segment_end > end) { end = segment_end; }
    }
    Layout layout{};
    layout.image_end = (end + guest::page_size - 1) / guest::page_size;
    layout.p2m = layout.image_end;
    layout.start_info = layout.p2m + pages * sizeof(u64) / guest::page_size;
    layout.console = layout.start_info + 1;
    layout.l4 = layout.console + 1;
    layout.l3 = layout.l4 + 1;
    layout.l2 = layout.l3 + 1;
    layout.l1 = layout.l2 + 1;
    require(layout.tables_end() < pages / 2, "room for the image and for memory to work with");
    return layout;
}

void Image::load(u8* memory) const {
    for (u32 i = 0; i < header(bytes_).segment_count; ++i) {
        Segment const& segment = segments(bytes_)[i];
        if (segment.type == loadable) {
            __builtin_memcpy(memory + segment.physical_address, bytes_ + segment.offset, segment.file_size);
        }
    }
}

void fill(u8* memory, u64 const* frames, Layout const& layout, abi::Maddr shared_info, EvtchnPort console,
          EvtchnPort store, std::string_view command_line) {
    __builtin_memcpy(memory + layout.p2m * guest::page_size, frames, pages * sizeof(u64));
    auto& info = *reinterpret_cast<abi::StartInfo*>(memory + layout.start_info * guest::page_size);
    __builtin_memcpy(info.magic, abi::start_info_magic, sizeof(abi::start_info_magic));
    info.nr_pages = pages;
    info.shared_info = shared_info;
    info.store_evtchn = store;
    info.console.domU.mfn = Mfn{frames[layout.console]};
    info.console.domU.evtchn = console;
    info.pt_base = {address(layout.l4)};
    info.nr_pt_frames = layout.tables_end() - layout.l4;
    info.mfn_list = {address(layout.p2m)};
    std::size_t length = command_line.size() < sizeof(info.cmd_line) ? command_line.size() : sizeof(info.cmd_line) - 1;
    __builtin_memcpy(info.cmd_line, command_line.data(), length);
    fill_tables(memory, frames, layout);
}
}  // namespace warden
