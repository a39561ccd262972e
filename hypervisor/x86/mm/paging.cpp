// SPDX-License-Identifier: MIT
#include "x86/mm/paging.hpp"
#include <algorithm>
#include "base/assert.hpp"
#include "base/page.hpp"
#include "core/hal/memory.hpp"
#include "core/mm/entry.hpp"
#include "core/mm/page_alloc.hpp"
#include "x86/boot/boot_info.hpp"
#include "x86/cpu/instructions.hpp"

namespace hv::boot_memory {
namespace {
struct Range {
    u64 first;
    u64 end;  // frames, exclusive
};
constinit std::array<Range, boot::max_memory_ranges + 64> ranges{};
constinit usize range_count = 0;

constinit std::array<Range, 64> taken{};  // by take(): neighbours are one entry
constinit usize taken_count = 0;

constexpr u64 kept_low_frames = 16;  // firmware scribbles there, and other processors start there
constexpr u64 legacy_frames = 256;   // the rest of the first MiB counts as I/O: dom0 looks for firmware tables there

void add(u64 first, u64 end) {
    if (first >= end) return;
    if (range_count == ranges.size()) panic("too many pieces of free memory at boot");
    ranges[range_count++] = {first, end};
}

void remove(u64 first, u64 end) {
    for (usize i = range_count; i-- > 0;) {
        Range range = ranges[i];
        if (range.end <= first || range.first >= end) continue;
        ranges[i] = ranges[--range_count];
        add(range.first, std::min(range.end, first));
        add(std::max(range.first, end), range.end);
    }
}

void note_taken(u64 first, u64 end) {
    for (Range& range : std::span{taken.data(), taken_count}) {
        if (range.first == end) {
            range.first = first;
            return;
        }
    }
    if (taken_count == taken.size()) panic("too many pieces of memory taken at boot");
    taken[taken_count++] = {first, end};
}

u64 first_image_frame() { return IMAGE_PHYSICAL >> page_shift; }
u64 end_image_frame() { return pages_of(paging::image_physical(image_end)); }
}  // namespace

void init(boot::BootInfo const& info) {
    for (boot::MemoryRange const& range : info.memory_ranges())
        if (range.type == abi::e820::ram) add(pages_of(range.start), range.end() >> page_shift);
    remove(0, legacy_frames);
    remove(first_image_frame(), end_image_frame());
    for (boot::Module const& module : info.module_list())
        remove(module.start.value >> page_shift, pages_of(module.start.value + module.size));
}

Mfn take(u64 frames, u64 alignment, Mfn limit) {
    Range* best = nullptr;
    u64 best_first = 0;
    for (usize i = 0; i < range_count; ++i) {
        u64 end = std::min(ranges[i].end, limit.value);
        if (end < ranges[i].first + frames) continue;
        u64 first = round_down(end - frames, alignment);
        if (first < ranges[i].first || (best && first < best_first)) continue;
        best = &ranges[i];
        best_first = first;
    }
    if (!best) panic("not enough memory for the hypervisor's tables");
    remove(best_first, best_first + frames);
    note_taken(best_first, best_first + frames);
    return Mfn{best_first};
}

// Modules stay outside until they are released: as frames that are no RAM, nobody can get at them meanwhile.
void hand_over() {
    mark_hypervisor_frames(Mfn{0}, kept_low_frames);
    mark_hypervisor_frames(Mfn{first_image_frame()}, end_image_frame() - first_image_frame());
    for (Range const& range : std::span{taken.data(), taken_count})
        mark_hypervisor_frames(Mfn{range.first}, range.end - range.first);
    for (Range const& range : std::span{ranges.data(), range_count})
        add_free_range(Mfn{range.first}, range.end - range.first);
}

void release_module(boot::Module const& module) {
    u64 first = module.start.value >> page_shift;
    add_free_range(Mfn{first}, pages_of(module.start.value + module.size) - first);
}
}  // namespace hv::boot_memory

namespace hv::paging {
namespace {
constexpr u64 large_page = u64{2} << 20;
constexpr u64 huge_page = u64{1} << 30;
constexpr u64 large = Pte::page_size_or_pat;
constexpr Mfn boot_mapped{u64{4} << (30 - page_shift)};  // what boot.S mapped
constexpr u64 table_flags = Pte::present | Pte::writable | Pte::accessed;

constinit u64 root = 0;  // machine address of the idle root
constinit bool allocator_ready = false;
constinit Mfn table_limit = boot_mapped;  // tables must be reachable while they are made
constinit u64 next_fixmap = fixmap_base;

Pte* entries_of(Pte table) { return reinterpret_cast<Pte*>(direct_map(table.mfn())); }

Mfn new_table() {
    if (allocator_ready) {
        std::byte* memory = alloc_heap(0);
        if (!memory) panic("no memory for the hypervisor's page tables");
        return hal::mfn_of(memory);
    }
    Mfn mfn = boot_memory::take(1, 1, table_limit);
    clear_page(direct_map(mfn));
    return mfn;
}

// The entry of `address` at that level (4 the root's), with the tables above it made as needed.
Pte& entry_at(u64 address, u32 level, u64 flags = 0) {
    Pte* table = reinterpret_cast<Pte*>(direct_map(Maddr{root}));
    for (u32 at = 4;; --at) {
        Pte& entry = table[address >> (page_shift + 9 * (at - 1)) & 511];
        if (at == level) return entry;
        if (!entry.is_present()) entry = Pte::make(new_table(), table_flags | flags);
        ASSERT(!(entry.raw & large));
        table = entries_of(entry);
    }
}

// With the largest pages that fit.
void map_range(u64 address, Maddr start, u64 size, u64 flags, bool huge_pages) {
    u64 at = start.value, end = start.value + size;
    u64 offset = address - start.value;
    auto fits = [&](u64 page) { return at % page == 0 && (at + offset) % page == 0 && end - at >= page; };
    while (at < end) {
        u32 level = huge_pages && fits(huge_page) ? 3 : fits(large_page) ? 2 : 1;
        entry_at(at + offset, level) = Pte::make(Mfn{at >> page_shift}, level > 1 ? flags | large : flags);
        at += page_size << 9 * (level - 1);
    }
}

void map_image(char const* start, char const* end, u64 flags) {
    for (char const* page = start; page < end; page += page_size)
        map(reinterpret_cast<u64>(page), Mfn{image_physical(page) >> page_shift}, flags);
}

bool has_huge_pages() { return cpu::cpuid(0x8000'0000).eax >= 0x8000'0001 && cpu::cpuid(0x8000'0001).edx & 1u << 26; }
}  // namespace

void map(u64 address, Mfn mfn, u64 flags) { entry_at(address, 1) = Pte::make(mfn, flags); }
Pte& l1_entry(u64 address) { return entry_at(address, 1); }
u64 idle_root() { return root; }

void init(boot::BootInfo const& info) {
    if (boot::end_of_ram(info) > direct_map_size) panic("more RAM than the direct map can hold");
    root = boot_memory::take(1, 1, table_limit).value << page_shift;
    clear_page(direct_map(Maddr{root}));
    map_image(image_start, text_end, read_execute);
    map_image(text_end, rodata_end, read_only);
    map_image(rodata_end, image_end, read_write);
    bool huge_pages = has_huge_pages();
    for (boot::MemoryRange const& range : info.memory_ranges())
        if (range.type == abi::e820::ram)
            map_range(direct_map_base + range.start, Maddr{range.start}, range.size, read_write, huge_pages);
    cpu::write_cr3(root);
    table_limit = Mfn{boot::end_of_ram(info) >> page_shift};
}

// Both tables in 2 MiB pages, wherever such pages are free: the M2P twice, for guests to read and for us to write.
void init_frame_tables(u64 frames) {
    // The tables above the M2P's pages let user mode through; the entries of slot 256 themselves decide.
    entry_at(m2p_readonly_base, 3, Pte::user);
    constexpr u64 per_large_page = large_page >> page_shift;
    u64 m2p_bytes = m2p_size(frames);
    for (u64 at = 0; at < m2p_bytes; at += large_page) {
        Mfn mfn = boot_memory::take(per_large_page, per_large_page, table_limit);
        entry_at(m2p_readonly_base + at, 2, Pte::user) = Pte::make(mfn, read_only | Pte::user | large);
        entry_at(m2p_base + at, 2) = Pte::make(mfn, read_write | large);
    }
    u64 table_bytes = round_up(frames * sizeof(PageInfo), large_page);
    for (u64 at = 0; at < table_bytes; at += large_page) {
        Mfn mfn = boot_memory::take(per_large_page, per_large_page, table_limit);
        entry_at(frame_table_base + at, 2) = Pte::make(mfn, read_write | large);
    }
    __builtin_memset(reinterpret_cast<void*>(m2p_base), 0xff, m2p_bytes);
    __builtin_memset(reinterpret_cast<void*>(frame_table_base), 0, table_bytes);
    m2p_table = reinterpret_cast<u64*>(m2p_base);
    init_frame_table(reinterpret_cast<PageInfo*>(frame_table_base), frames);
    // Every slot gets its table now, so that the sixteen entries never change again.
    Pte* slots = reinterpret_cast<Pte*>(direct_map(Maddr{root})) + first_hypervisor_slot;
    for (u32 i = 0; i < hypervisor_l4_entries.size(); ++i) {
        u64 address = hypervisor_start + (u64{i} << 39);
        bool used = address < direct_map_base || slots[i].is_present();
        if (used) entry_at(address, 3);
        hypervisor_l4_entries[i] = slots[i].raw;
    }

    boot_memory::hand_over();
    allocator_ready = true;
    for (u64 at = 0; at < m2p_bytes; at += large_page)
        mark_m2p_frames(hal::m2p_chunk(static_cast<u32>(at / large_page)), per_large_page);
}

u64 map_device(Maddr address, u64 size) {
    u64 first = round_down(address.value, page_size), end = round_up(address.value + size, page_size);
    u64 at = next_fixmap;
    for (u64 page = first; page < end; page += page_size) map(at + (page - first), Mfn{page >> page_shift}, device);
    next_fixmap += end - first + page_size;  // an absent page between two devices
    return at + (address.value - first);
}
}  // namespace hv::paging

hv::Mfn hv::hal::m2p_chunk(u32 index) {
    u64 at = index * paging::large_page;
    return at < max_mfn * sizeof(u64) ? paging::entry_at(paging::m2p_base + at, 2).mfn() : Mfn{0};
}
