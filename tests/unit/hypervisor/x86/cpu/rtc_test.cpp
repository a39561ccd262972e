// SPDX-License-Identifier: MIT
#include "x86/cpu/time.hpp"

#include <gtest/gtest.h>

#include <ctime>

namespace hv::rtc {
namespace {
TEST(Calendar, AgreesWithTheLibraryOnEveryDayOfTwoCenturies) {
    for (u64 day = 0; day < 73000; day += 1) {
        std::time_t seconds = static_cast<std::time_t>(day * 86400);
        std::tm date{};
        gmtime_r(&seconds, &date);
        ASSERT_EQ(days_since_1970(static_cast<u64>(date.tm_year + 1900), static_cast<u64>(date.tm_mon + 1),
                                  static_cast<u64>(date.tm_mday)),
                  day);
    }
}
}  // namespace
}  // namespace hv::rtc
