// SPDX-License-Identifier: MIT
// No machine of the tests has an x2APIC: what is known of one is in the manual's tables (Intel SDM volume 3, 11.12.1).
#include "x86/cpu/apic.hpp"

#include <utility>

#include <gtest/gtest.h>

namespace hv::apic {
namespace {
TEST(Apic, RegistersAreMsrsInX2apicMode) {
    constexpr std::pair<Register, u32> manual[]{
        {id_register, 0x802},  {task_priority, 0x808}, {eoi, 0x80b},           {spurious_vector, 0x80f},
        {error_status, 0x828}, {command_low, 0x830},   {timer_vector, 0x832},  {local_int0, 0x835},
        {local_int1, 0x836},   {error_vector, 0x837},  {initial_count, 0x838}, {current_count, 0x839},
        {divide, 0x83e},
    };
    for (auto [offset, msr] : manual) EXPECT_EQ(msr_of(offset), msr);
}

TEST(Apic, CommandsNameTheirDestinationInFull) {
    EXPECT_EQ(x2apic_command(0x1'2345, 0x4500), 0x0001'2345'0000'4500u);
    EXPECT_EQ(x2apic_command(0xffff'fffe, 0x46), 0xffff'fffe'0000'0046u);
    EXPECT_EQ(xapic_destination(0xfe), 0xfe00'0000u);
}

TEST(Apic, OwnIdIsTheWholeRegisterOrItsTop) {
    EXPECT_EQ(id_in(0x0000'0123, true), 0x123u);
    EXPECT_EQ(id_in(0x0700'0000, false), 7u);
}

TEST(Apic, OnlyX2apicReachesLargeIdsAndNoneReachesEverybodyByMistake) {
    EXPECT_TRUE(can_address(254, false));
    EXPECT_FALSE(can_address(255, false));
    EXPECT_FALSE(can_address(256, false));
    EXPECT_TRUE(can_address(255, true));
    EXPECT_TRUE(can_address(0x1'0000, true));
    EXPECT_FALSE(can_address(0xffff'ffff, true));
}
}  // namespace
}  // namespace hv::apic
