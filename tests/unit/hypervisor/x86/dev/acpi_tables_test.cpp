// SPDX-License-Identifier: MIT
#include "x86/dev/acpi.hpp"

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

TEST(SoftOff, MayBeTheLastThingInTheTable) {
    auto types = find_soft_off(dsdt_with({0x08, '_', 'S', '5', '_', 0x12, 0x04, 0x02, 0x00, 0x00}));
    ASSERT_TRUE(types);
    EXPECT_EQ(types->pm1a, 0);
    types = find_soft_off(dsdt_with({0x08, '_', 'S', '5', '_', 0x12, 0x05, 0x02, 0x01, 0x0a, 0x07}));
    ASSERT_TRUE(types);
    EXPECT_EQ(types->pm1b, 7);
}

TEST(SoftOff, MayHaveOneNumberForBothRegisters) {
    auto types = find_soft_off(dsdt_with({0x08, '_', 'S', '5', '_', 0x12, 0x05, 0x01, 0x0b, 0x05, 0x06}));
    ASSERT_TRUE(types);
    EXPECT_EQ(types->pm1a, 5);
    EXPECT_EQ(types->pm1b, 6);
    EXPECT_FALSE(find_soft_off(dsdt_with({0x08, '_', 'S', '5', '_', 0x12, 0x02, 0x00, 0x01, 0x01})));
}

TEST(SoftOff, KnowsConstantsOfEverySize) {
    auto types = find_soft_off(dsdt_with({0x08, '_',  'S',  '5',  '_',  0x12, 0x11, 0x02, 0x0c, 0x05, 0x00,
                                          0x00, 0x00, 0x0e, 0x06, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00}));
    ASSERT_TRUE(types);
    EXPECT_EQ(types->pm1a, 5);
    EXPECT_EQ(types->pm1b, 6);
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
    std::vector<int> types;
    for_each_madt_entry(madt, [&](u8 type, std::span<std::byte const>) { types.push_back(type); });
    EXPECT_EQ(types, (std::vector<int>{1, 2}));
    madt[45] = std::byte{0};  // an entry of no length
    types.clear();
    for_each_madt_entry(madt, [&](u8 type, std::span<std::byte const>) { types.push_back(type); });
    EXPECT_TRUE(types.empty());
}

TEST(Madt, NamesProcessorsWithSmallAndLargeNumbers) {
    auto small = bytes_of({0, 8, 5, 7, 1, 0, 0, 0});
    auto found = processor_in(0, small);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->apic_id, 7u);
    EXPECT_EQ(found->acpi_id, 5u);
    auto large = bytes_of({9, 16, 0, 0, 0x34, 0x12, 0x01, 0x00, 1, 0, 0, 0, 0x2c, 0x01, 0, 0});
    found = processor_in(9, large);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->apic_id, 0x11234u);
    EXPECT_EQ(found->acpi_id, 300u);
}

TEST(Madt, ProcessorsThatAreOffOrCutShortAreNone) {
    auto small = bytes_of({0, 8, 5, 7, 2, 0, 0, 0});  // could be switched on later
    auto large = bytes_of({9, 16, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0});
    EXPECT_FALSE(processor_in(0, small));
    EXPECT_FALSE(processor_in(9, large));
    small[4] = large[8] = std::byte{1};
    EXPECT_FALSE(processor_in(0, std::span{small}.first(7)));
    EXPECT_FALSE(processor_in(9, std::span{large}.first(15)));
    EXPECT_FALSE(processor_in(1, small));
}

std::vector<std::byte> madt_with(std::initializer_list<int> entries) {
    std::vector<std::byte> madt(44);
    madt[38] = std::byte{0xe0};
    madt[39] = std::byte{0xfe};
    for (std::byte byte : bytes_of(entries)) madt.push_back(byte);
    return madt;
}

TEST(Madt, AProcessorThatIsListedTwiceIsThereOnce) {
    InterruptControllers found;
    auto madt = madt_with({0, 8,  0, 0, 1, 0, 0,    0,    0, 8, 1, 2, 1, 0, 0, 0,  // by the old kind of entry
                           9, 16, 0, 0, 2, 0, 0,    0,    1, 0, 0, 0, 1, 0, 0, 0,  // again, by the new one
                           9, 16, 0, 0, 4, 0, 0,    0,    1, 0, 0, 0, 2, 0, 0, 0,  // one more
                           1, 12, 1, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0});
    found.add(madt);
    found.add(madt);  // a second table with the same
    ASSERT_EQ(found.processor_count, 3u);
    EXPECT_EQ(found.processors[1].apic_id, 2u);
    EXPECT_EQ(found.processors[2].apic_id, 4u);
    EXPECT_EQ(found.ioapic_count, 1u);
}

TEST(Madt, TheNumberThatMeansAllIsNoProcessor) {
    InterruptControllers found;
    found.add(madt_with({0, 8, 0, 255, 1, 0, 0, 0, 9, 16, 0, 0, 255, 255, 255, 255, 1, 0, 0, 0, 1, 0, 0, 0}));
    EXPECT_EQ(found.processor_count, 0u);
}

TEST(Madt, MoreThanThereIsRoomForAreLeftOut) {
    InterruptControllers found;
    for (int high = 0; high < 3; ++high)
        for (int low = 0; low < 250; ++low)
            found.add(madt_with(
                {9, 16, 0, 0, low, high, 0, 0, 1, 0, 0, 0, low, 0, 0, 0, 1, 12, 0, 0, low, high, 0, 0, 0, 0, 0, 0}));
    EXPECT_EQ(found.processor_count, max_cpus);
    EXPECT_EQ(found.ioapic_count, 16u);
}

TEST(Madt, MayEndAnywhere) {
    auto whole = madt_with({5, 12, 0, 0, 0, 0, 0xe1, 0xfe, 0, 0, 0, 0, 2, 10, 0, 9, 9, 0, 0, 0, 0x0f, 0});
    for (usize size = header_size; size < whole.size(); ++size) {
        InterruptControllers cut;
        cut.add(std::vector<std::byte>(whole.begin(), whole.begin() + static_cast<long>(size)));
        EXPECT_EQ(cut.local_apic.value, size < 40 ? 0xfee0'0000 : size < 56 ? 0xfee0'0000 : 0xfee1'0000) << size;
    }
    InterruptControllers found;
    found.add(whole);
    EXPECT_EQ(found.isa[9].gsi, 9u);
    EXPECT_TRUE(found.isa[9].wiring.level && found.isa[9].wiring.active_low);
}

TEST(Fadt, OfAnyVersionAndLength) {
    std::vector<std::byte> fadt(244);
    auto put = [&](usize at, u64 value, usize size) { __builtin_memcpy(&fadt[at], &value, size); };
    put(40, 0x1000, 4);
    put(64, 0x604, 4);
    put(112, 1u << 10, 4);
    put(116, 1, 1);
    put(120, 0xcf9, 8);
    put(128, 6, 1);
    put(140, 0x2000, 8);
    for (usize size = header_size; size <= fadt.size(); ++size) {
        FixedHardware found = read_fadt(std::vector<std::byte>(fadt.begin(), fadt.begin() + static_cast<long>(size)));
        EXPECT_EQ(found.dsdt, size < 44 ? 0u : size < 148 ? 0x1000u : 0x2000u) << size;
        EXPECT_EQ(found.pm1a_control, size < 68 ? 0 : 0x604) << size;
        EXPECT_EQ(found.reset.port, size < 129 ? 0 : 0xcf9) << size;
    }
}

TEST(RootPointer, OfTheSecondVersionIsCheckedBeforeItIsUsed) {
    std::vector<std::byte> rsdp(36);
    rsdp[15] = std::byte{2};
    rsdp[16] = std::byte{0x10};
    rsdp[20] = std::byte{36};
    rsdp[24] = std::byte{0x20};
    rsdp[32] = static_cast<std::byte>(256 - (2 + 0x10 + 36 + 0x20));
    EXPECT_EQ(read_rsdp(rsdp).xsdt, 0x20u);
    EXPECT_EQ(read_rsdp(rsdp).rsdt, 0x10u);
    rsdp[33] = std::byte{1};
    EXPECT_EQ(read_rsdp(rsdp).xsdt, 0u);
    rsdp[33] = std::byte{0};
    EXPECT_EQ(read_rsdp(std::span{rsdp}.first(20)).xsdt, 0u);
    rsdp[20] = std::byte{20};
    rsdp[32] = static_cast<std::byte>(256 - (2 + 0x10 + 20 + 0x20));
    EXPECT_EQ(read_rsdp(rsdp).xsdt, 0u);
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
