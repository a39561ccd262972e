// SPDX-License-Identifier: MIT
// Multiboot Specification 0.6.96, section 3.3; Multiboot2 Specification 2.0, section 3.6. Structures are read byte by
// byte offset: neither protocol promises alignment of everything.
#include "x86/boot/boot_info.hpp"
#include <algorithm>
#include "core/hal/memory.hpp"

namespace hv::boot {
namespace {
using abi::e820::Type;

// By type, which add_memory has checked.
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

std::string_view text_at(std::byte const* at, usize limit) {
    std::string_view const text{reinterpret_cast<char const*>(at), limit};
    return text.substr(0, text.find('\0'));
}

void note(BootInfo& info, char const* problem) {
    if (!info.problem) info.problem = problem;
}

void add_memory(BootInfo& info, u64 start, u64 size, u32 type) {
    if (info.memory_count == info.memory.size()) return note(info, "the memory map has too many entries");
    bool known = type >= abi::e820::ram && type <= abi::e820::unusable;
    info.memory[info.memory_count++] = {
        .start = start, .size = size, .type = known ? static_cast<abi::e820::Type>(type) : abi::e820::reserved};
}

void add_module(BootInfo& info, u64 start, u64 end, std::string_view command_line) {
    if (info.module_count == info.modules.size()) return note(info, "too many modules");
    Module& module = info.modules[info.module_count++];
    module.start = Maddr{start};
    module.size = end > start ? end - start : 0;
    if (!module.command_line.assign(command_line)) note(info, "a module's command line is too long and was cut off");
}

constexpr u32 mb1_command_line = 1u << 2, mb1_modules = 1u << 3, mb1_memory_map = 1u << 6, mb1_loader_name = 1u << 9;

enum Mb2Tag : u32 { end = 0, command_line = 1, loader_name = 2, module = 3, memory_map = 6, efi_system_table = 12 };

void read_tag(BootInfo& info, std::byte const* tag, u32 type, u32 size) {
    switch (type) {
        case Mb2Tag::command_line:
            if (!info.command_line.assign(text_at(tag + 8, size - 8)))
                note(info, "the command line is too long and was cut off");
            break;
        case Mb2Tag::loader_name: info.loader.assign(text_at(tag + 8, size - 8)); break;
        case Mb2Tag::module:
            if (size >= 16) add_module(info, read<u32>(tag + 8), read<u32>(tag + 12), text_at(tag + 16, size - 16));
            break;
        case Mb2Tag::memory_map: {
            u32 entry_size = size >= 16 ? read<u32>(tag + 8) : 0;
            if (entry_size < 24) return note(info, "the memory map's entries are too small");
            for (u32 at = 16; at + entry_size <= size; at += entry_size)
                add_memory(info, read<u64>(tag + at), read<u64>(tag + at + 8), read<u32>(tag + at + 16));
            break;
        }
        case Mb2Tag::efi_system_table:
            if (size >= 16) info.efi_system_table = read<u64>(tag + 8);
            break;
        default: break;
    }
}
}  // namespace

std::string_view without_first_word(std::string_view text) {
    usize at = 0;
    while (at < text.size() && text[at] != ' ') ++at;
    while (at < text.size() && text[at] == ' ') ++at;
    return text.substr(at);
}

void read_multiboot1(u64 information, PhysicalMap physical, BootInfo& info) {
    std::byte const* base = physical(information);
    u32 flags = read<u32>(base);
    if (flags & mb1_loader_name) info.loader.assign(text_at(physical(read<u32>(base + 64)), 64));
    // GRUB 2 leaves the file's name out of the command lines; QEMU and others begin with it.
    bool names_file = !info.loader.view().starts_with("GRUB 2");
    auto arguments = [&](u32 address) {
        std::string_view text = text_at(physical(address), max_command_line + 256);
        return names_file ? without_first_word(text) : text;
    };
    if (flags & mb1_command_line && !info.command_line.assign(arguments(read<u32>(base + 16))))
        note(info, "the command line is too long and was cut off");
    if (flags & mb1_modules) {
        std::byte const* list = physical(read<u32>(base + 24));
        for (u32 i = 0; i < read<u32>(base + 20); ++i, list += 16)
            add_module(info, read<u32>(list), read<u32>(list + 4), arguments(read<u32>(list + 8)));
    }
    if (!(flags & mb1_memory_map)) return note(info, "the boot loader gave no memory map");
    std::byte const* map = physical(read<u32>(base + 48));
    std::byte const* map_end = map + read<u32>(base + 44);
    while (map + 24 <= map_end) {  // the size field does not count itself
        add_memory(info, read<u64>(map + 4), read<u64>(map + 12), read<u32>(map + 20));
        map += read<u32>(map) + 4;
    }
}

void read_multiboot2(u64 information, PhysicalMap physical, BootInfo& info) {
    std::byte const* base = physical(information);
    u32 total = read<u32>(base);
    for (u32 at = 8; at + 8 <= total;) {
        u32 type = read<u32>(base + at);
        u32 size = read<u32>(base + at + 4);
        if (type == Mb2Tag::end || size < 8 || size > total - at) break;
        read_tag(info, base + at, type, size);
        at += static_cast<u32>(round_up(size, 8));
    }
    if (!info.memory_count) note(info, "the boot loader gave no memory map");
}

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
