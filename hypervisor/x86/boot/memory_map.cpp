// SPDX-License-Identifier: MIT
#include <algorithm>
#include "core/hal/memory.hpp"
#include "x86/boot/boot_info.hpp"

namespace hv::boot {
namespace {
using abi::e820::Type;

// By type, which add_memory in multiboot.cpp has checked.
struct Kind {
    u32 severity;
    char const* name;
};
constexpr std::array<Kind, abi::e820::unusable + 1> kinds{
    {{}, {0, "RAM"}, {3, "reserved"}, {1, "ACPI tables"}, {2, "ACPI non-volatile"}, {4, "unusable"}}};

// Work space of normalise_memory, too large for a stack.
constinit std::array<u64, 2 * max_memory_ranges> borders{};
constinit std::array<MemoryRange, max_memory_ranges> pieces{};

constinit std::array<abi::E820Entry, max_memory_ranges> published{};
constinit usize published_count = 0;
}  // namespace

// Between two neighbouring borders of any ranges, the whole piece has one type: the worst of those that cover it.
void normalise_memory(BootInfo& info) {
    usize count = 0;
    for (usize i = 0; i < info.memory_count; ++i) {
        MemoryRange& range = info.memory[i];
        if (range.start + range.size < range.start) range.size = ~u64{0} - range.start;
        if (range.type == abi::e820::ram) {  // whole pages of RAM; whatever shares a page with others is none
            u64 end = round_down(range.end(), page_size);
            range.start = round_up(range.start, page_size);
            range.size = end > range.start ? end - range.start : 0;
        }
        borders[count++] = range.start;
        borders[count++] = range.end();
    }
    std::sort(borders.begin(), borders.begin() + count);

    usize made = 0;
    for (usize i = 0; i + 1 < count; ++i) {
        u64 start = borders[i], end = borders[i + 1];
        if (start == end) continue;
        bool covered = false;
        Type type = abi::e820::ram;
        for (MemoryRange const& range : info.memory_ranges()) {
            if (range.start > start || range.end() < end || range.size == 0) continue;
            if (!covered || kinds[range.type].severity > kinds[type].severity) type = range.type;
            covered = true;
        }
        if (!covered) continue;
        if (made && pieces[made - 1].end() == start && pieces[made - 1].type == type) {
            pieces[made - 1].size += end - start;
        } else if (made < pieces.size()) {
            pieces[made++] = {.start = start, .size = end - start, .type = type};
        } else {
            info.problem = "the memory map has too many pieces";
        }
    }
    info.memory = pieces;
    info.memory_count = made;
}

void reserve_memory(BootInfo& info, u64 start, u64 size) {
    if (info.memory_count < info.memory.size())
        info.memory[info.memory_count++] = {.start = start, .size = size, .type = abi::e820::reserved};
    normalise_memory(info);
}

u64 end_of_ram(BootInfo const& info) {
    u64 end = 0;
    for (MemoryRange const& range : info.memory_ranges())
        if (range.type == abi::e820::ram) end = std::max(end, range.end());
    return end;
}

void publish_memory_map(BootInfo const& info) {
    published_count = 0;
    for (MemoryRange const& range : info.memory_ranges())
        published[published_count++] = {.addr = range.start, .size = range.size, .type = range.type};
}

char const* name_of(abi::e820::Type type) { return kinds[type].name; }
}  // namespace hv::boot

std::span<abi::E820Entry const> hv::hal::machine_memory_map() {
    return {boot::published.data(), boot::published_count};
}
