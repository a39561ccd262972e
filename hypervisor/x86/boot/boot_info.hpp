// SPDX-License-Identifier: MIT
// What the boot loader told us, the same whichever protocol it spoke. Everything is copied out of the loader's memory,
// which is handed out as free memory later; only the modules' contents stay where they are.
#pragma once
#include <array>
#include <span>
#include <string_view>
#include "portable/base/types.hpp"
#include "public/memory.hpp"

namespace hv::boot {
template <class T>
T read(std::byte const* at) {  // wherever it lies
    T value;
    __builtin_memcpy(&value, at, sizeof(T));
    return value;
}

inline constexpr usize max_command_line = 2048;
inline constexpr usize max_modules = 8;
inline constexpr usize max_memory_ranges = 128;

// A text of bounded length.
template <usize Size>
class Text {
public:
    bool assign(std::string_view text) {  // false if the end was cut off
        size_ = text.size() < Size ? text.size() : Size;
        for (usize i = 0; i < size_; ++i) bytes_[i] = text[i];
        return size_ == text.size();
    }
    std::string_view view() const { return {bytes_.data(), size_}; }

private:
    std::array<char, Size> bytes_{};
    usize size_ = 0;
};

struct Module {
    Maddr start{};
    u64 size = 0;  // bytes
    Text<max_command_line> command_line{};
};

struct MemoryRange {
    u64 start;
    u64 size;
    abi::e820::Type type;

    u64 end() const { return start + size; }
};

struct BootInfo {
    Text<64> loader{};
    Text<max_command_line> command_line{};
    std::array<Module, max_modules> modules{};  // dom0's kernel, then its initrd
    usize module_count = 0;
    std::array<MemoryRange, max_memory_ranges> memory{};
    usize memory_count = 0;
    u64 efi_system_table = 0;       // of 64-bit UEFI firmware; 0: a BIOS
    char const* problem = nullptr;  // the first thing wrong with what the loader said

    std::span<Module const> module_list() const { return {modules.data(), module_count}; }
    std::span<MemoryRange const> memory_ranges() const { return {memory.data(), memory_count}; }
};

// Reading the information structures of multiboot 1 and 2.
inline constexpr u32 multiboot1_magic = 0x2bad'b002;
inline constexpr u32 multiboot2_magic = 0x36d7'6289;

// `physical` turns a physical address below 4 GiB into a pointer.
using PhysicalMap = std::byte const* (*)(u64 address);

void read_multiboot1(u64 information, PhysicalMap physical, BootInfo& info);
void read_multiboot2(u64 information, PhysicalMap physical, BootInfo& info);

// What a loader that hands over `file arguments` means by it.
std::string_view without_first_word(std::string_view text);

// Making the machine's memory map fit to rely on: sorted, without overlaps, RAM cut to whole pages.
// Where ranges overlap, the less usable kind wins. Ranges of nothing vanish.
void normalise_memory(BootInfo& info);

// Marks a range as reserved: the interrupt controllers, which firmware often leaves out.
void reserve_memory(BootInfo& info, u64 start, u64 size);

u64 end_of_ram(BootInfo const& info);

// What dom0 is shown as the machine's map (hal::machine_memory_map), once normalised.
void publish_memory_map(BootInfo const& info);

char const* name_of(abi::e820::Type type);
}  // namespace hv::boot
