// SPDX-License-Identifier: MIT
#include "x86/dev/acpi_tables.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace hv::acpi {
namespace {
std::vector<std::byte> bytes_of(std::initializer_list<int> values) {
    std::vector<std::byte> bytes;
    for (int value : values) bytes.push_back(static_cast<std::byte>(value));
    return bytes;
}

std::vector<std::byte> dsdt_with(std::initializer_list<int> code) {
    std::vector<std::byte> bytes(header_size);
    for (std::byte byte : bytes_of(code)) bytes.push_back(byte);
    bytes.resize(bytes.size() + 8);
    return bytes;
}

TEST(SoftOff, IsFoundBehindItsName) {
    auto dsdt = dsdt_with({0x10, 0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x04, 0x0a, 0x05, 0x0a, 0x06, 0x00, 0x00});
    auto types = find_soft_off(dsdt);
    ASSERT_TRUE(types);
    EXPECT_EQ(types->pm1a, 5);
    EXPECT_EQ(types->pm1b, 6);
}

TEST(SoftOff, MayBeAbsolutelyNamedAndHaveShortConstants) {
    auto dsdt = dsdt_with({0x08, '\\', '_', 'S', '5', '_', 0x12, 0x46, 0x00, 0x04, 0x01, 0x00});
    auto types = find_soft_off(dsdt);
    ASSERT_TRUE(types);
    EXPECT_EQ(types->pm1a, 1);
    EXPECT_EQ(types->pm1b, 0);
}

TEST(SoftOff, IsNotAnyUseOfTheName) {
    EXPECT_FALSE(find_soft_off(dsdt_with({0x70, '_', 'S', '5', '_', 0x12, 0x06, 0x04, 0x0a, 0x05, 0x0a, 0x06})));
    EXPECT_FALSE(find_soft_off(dsdt_with({0x08, '_', 'S', '5', '_', 0x0a, 0x06, 0x04})));
    EXPECT_FALSE(find_soft_off(dsdt_with({0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x04, 0x5b, 0x05})));
}

TEST(SoftOff, DoesNotReadBeyondTheTable) {
    auto whole = dsdt_with({0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x04, 0x0b, 0x05, 0x00, 0x0b, 0x06, 0x00});
    for (usize size = 0; size < whole.size(); ++size) {
        std::vector<std::byte> cut(whole.begin(), whole.begin() + static_cast<long>(size));  // the sanitizer watches
        (void)find_soft_off(cut);
    }
}

TEST(Madt, EntriesEndAtTheFirstThatDoesNotFit) {
    std::vector<std::byte> madt(44);
    for (std::byte byte : bytes_of({1, 4, 0, 0, 2, 2, 3, 200})) madt.push_back(byte);
    madt[4] = static_cast<std::byte>(madt.size());
    std::vector<int> types;
    for_each_madt_entry(madt.data(), [&](u8 type, std::byte const*, u32) { types.push_back(type); });
    EXPECT_EQ(types, (std::vector<int>{1, 2}));
    madt[45] = std::byte{0};  // an entry of no length
    types.clear();
    for_each_madt_entry(madt.data(), [&](u8 type, std::byte const*, u32) { types.push_back(type); });
    EXPECT_TRUE(types.empty());
}

TEST(Madt, NamesProcessorsWithSmallAndLargeNumbers) {
    auto small = bytes_of({0, 8, 5, 7, 1, 0, 0, 0});
    auto found = processor_in(0, small.data(), 8);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->apic_id, 7u);
    EXPECT_EQ(found->acpi_id, 5u);
    auto large = bytes_of({9, 16, 0, 0, 0x34, 0x12, 0x01, 0x00, 1, 0, 0, 0, 0x2c, 0x01, 0, 0});
    found = processor_in(9, large.data(), 16);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->apic_id, 0x11234u);
    EXPECT_EQ(found->acpi_id, 300u);
}

TEST(Madt, ProcessorsThatAreOffOrCutShortAreNone) {
    auto small = bytes_of({0, 8, 5, 7, 2, 0, 0, 0});  // could be switched on later
    auto large = bytes_of({9, 16, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0});
    EXPECT_FALSE(processor_in(0, small.data(), 8));
    EXPECT_FALSE(processor_in(9, large.data(), 16));
    small[4] = large[8] = std::byte{1};
    EXPECT_FALSE(processor_in(0, small.data(), 7));
    EXPECT_FALSE(processor_in(9, large.data(), 15));
    EXPECT_FALSE(processor_in(1, small.data(), 8));
}

TEST(Fadt, NamesTheTimersPort) {
    std::vector<std::byte> fadt(129);
    EXPECT_EQ(timer_port_in(fadt), 0);
    fadt[77] = std::byte{0xb0};  // 0xb008, of
    fadt[76] = std::byte{0x08};
    EXPECT_EQ(timer_port_in(fadt), 0);
    fadt[91] = std::byte{4};  // bytes
    EXPECT_EQ(timer_port_in(fadt), 0xb008);
    fadt.resize(244);
    EXPECT_EQ(timer_port_in(fadt), 0xb008);
    fadt[208] = std::byte{1};  // in ports, at 0x1808
    fadt[212] = std::byte{0x08};
    fadt[213] = std::byte{0x18};
    EXPECT_EQ(timer_port_in(fadt), 0x1808);
    fadt[208] = std::byte{0};  // in memory
    EXPECT_EQ(timer_port_in(fadt), 0);
    fadt[208] = std::byte{1};
    fadt[214] = std::byte{1};  // no port
    EXPECT_EQ(timer_port_in(fadt), 0);
    for (usize size = 0; size < fadt.size(); ++size)
        (void)timer_port_in(std::vector<std::byte>(fadt.begin(), fadt.begin() + static_cast<long>(size)));
}

TEST(Hpet, IsWhereItsTableSaysOrNowhere) {
    std::vector<std::byte> table(56);
    table[46] = std::byte{0xd0};
    table[47] = std::byte{0xfe};
    EXPECT_EQ(hpet_in(table), 0xfed0'0000u);
    table[44] = std::byte{1};
    EXPECT_EQ(hpet_in(table), 0u) << "not at a whole KiB";
    table[44] = std::byte{0};
    table[48] = std::byte{1};
    EXPECT_EQ(hpet_in(table), 0u) << "beyond 4 GiB";
    table[48] = std::byte{0};
    table[40] = std::byte{1};
    EXPECT_EQ(hpet_in(table), 0u) << "in ports";
    table[40] = std::byte{0};
    table.resize(51);
    EXPECT_EQ(hpet_in(table), 0u) << "cut short";
}

TEST(Checksum, IsTheSumOfAllBytes) {
    EXPECT_TRUE(sums_to_zero(bytes_of({0x80, 0x7f, 0x01})));
    EXPECT_FALSE(sums_to_zero(bytes_of({0x80, 0x7f})));
}
}  // namespace
}  // namespace hv::acpi
