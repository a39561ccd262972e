// SPDX-License-Identifier: MIT
#include "x86/boot/boot_info.hpp"

#include <gtest/gtest.h>

#include <random>

namespace hv::boot {
namespace {
using abi::e820::Type;

BootInfo map_of(std::initializer_list<MemoryRange> ranges) {
    BootInfo info;
    for (MemoryRange const& range : ranges) info.memory[info.memory_count++] = range;
    normalise_memory(info);
    return info;
}

void expect_ranges(BootInfo const& info, std::initializer_list<MemoryRange> wanted) {
    ASSERT_EQ(info.memory_count, wanted.size());
    usize i = 0;
    for (MemoryRange const& range : wanted) {
        EXPECT_EQ(info.memory[i].start, range.start);
        EXPECT_EQ(info.memory[i].size, range.size);
        EXPECT_EQ(info.memory[i].type, range.type);
        ++i;
    }
}

TEST(MemoryMap, IsSortedAndNeighboursAreOne) {
    BootInfo info = map_of({{0x200000, 0x100000, abi::e820::ram},
                            {0x500000, 0x1000, abi::e820::acpi},
                            {0x100000, 0x100000, abi::e820::ram}});
    expect_ranges(info, {{0x100000, 0x200000, abi::e820::ram}, {0x500000, 0x1000, abi::e820::acpi}});
    EXPECT_EQ(end_of_ram(info), 0x300000u);
}

TEST(MemoryMap, RamIsCutToWholePages) {
    expect_ranges(map_of({{0x100, 0x9fb00, abi::e820::ram}, {0x9fc00, 0x400, abi::e820::reserved}}),
                  {{0x1000, 0x9e000, abi::e820::ram}, {0x9fc00, 0x400, abi::e820::reserved}});
    expect_ranges(map_of({{0x1100, 0xe00, abi::e820::ram}}), {});
}

TEST(MemoryMap, TheWorseKindWinsWhereRangesOverlap) {
    expect_ranges(map_of({{0x1000, 0x9000, abi::e820::ram},
                          {0x3000, 0x1000, abi::e820::reserved},
                          {0x3000, 0x2000, abi::e820::acpi}}),
                  {{0x1000, 0x2000, abi::e820::ram},
                   {0x3000, 0x1000, abi::e820::reserved},
                   {0x4000, 0x1000, abi::e820::acpi},
                   {0x5000, 0x5000, abi::e820::ram}});
}

TEST(MemoryMap, AControllerInAHoleBecomesReserved) {
    BootInfo info = map_of({{0, 0x10000000, abi::e820::ram}});
    reserve_memory(info, 0xfee00000, 0x1000);
    expect_ranges(info, {{0, 0x10000000, abi::e820::ram}, {0xfee00000, 0x1000, abi::e820::reserved}});
}

TEST(MemoryMap, ARangeThatWrapsEndsAtTheTop) {
    BootInfo info = map_of({{~u64{0} - 0xfff, 0x2000, abi::e820::reserved}});
    ASSERT_EQ(info.memory_count, 1u);
    EXPECT_EQ(info.memory[0].end(), ~u64{0});
}

TEST(MemoryMap, NeverOverlapsWhateverTheFirmwareSays) {
    std::mt19937_64 random{7};
    for (int round = 0; round < 300; ++round) {
        BootInfo info;
        for (int i = 0; i < 40; ++i)
            info.memory[info.memory_count++] = {
                .start = random() % 0x100000, .size = random() % 0x20000, .type = static_cast<Type>(1 + random() % 5)};
        BootInfo before = info;
        normalise_memory(info);
        u64 end = 0;
        for (MemoryRange const& range : info.memory_ranges()) {
            EXPECT_GE(range.start, end);
            EXPECT_GT(range.size, 0u);
            end = range.end();
            if (range.type != abi::e820::ram) continue;
            for (MemoryRange const& said : before.memory_ranges())  // nothing else claims any of it
                if (said.type != abi::e820::ram && said.size) {
                    EXPECT_TRUE(said.end() <= range.start || said.start >= range.end());
                }
        }
    }
}
}  // namespace
}  // namespace hv::boot
