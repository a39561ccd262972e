// SPDX-License-Identifier: MIT
#include "portable/base/number.hpp"

#include <gtest/gtest.h>

#include <cstdint>

namespace {
using hv::parse_decimal;
using hv::take_decimal;

TEST(Number, DigitsAreANumberAndNothingElseIs) {
    EXPECT_EQ(parse_decimal<std::uint32_t>("0"), 0u);
    EXPECT_EQ(parse_decimal<std::uint32_t>("007"), 7u);
    EXPECT_EQ(parse_decimal<std::uint32_t>("4294967295"), 4294967295u);
    for (char const* text : {"", "-1", "+1", " 1", "1 ", "0x1", "1a", "a"})
        EXPECT_FALSE(parse_decimal<std::uint32_t>(text)) << text;
    EXPECT_FALSE(parse_decimal<std::uint32_t>(std::string_view{"1\0", 2}));
}

TEST(Number, WhatTheTypeCannotHoldIsNone) {
    EXPECT_EQ(parse_decimal<std::uint16_t>("65535"), 65535);
    EXPECT_FALSE(parse_decimal<std::uint16_t>("65536"));
    EXPECT_FALSE(parse_decimal<std::uint8_t>("256"));
    EXPECT_FALSE(parse_decimal<std::uint32_t>("4294967296"));
    EXPECT_EQ(parse_decimal<std::uint64_t>("18446744073709551615"), ~std::uint64_t{0});
    EXPECT_FALSE(parse_decimal<std::uint64_t>("18446744073709551616"));
    EXPECT_FALSE(parse_decimal<std::uint64_t>("99999999999999999999999999"));
}

TEST(Number, IsTakenOffTheFront) {
    std::string_view text = "128 MiB";
    EXPECT_EQ(take_decimal<std::uint64_t>(text), 128u);
    EXPECT_EQ(text, " MiB");
    EXPECT_FALSE(take_decimal<std::uint64_t>(text));
    EXPECT_EQ(text, " MiB");
    text = "300x";
    EXPECT_FALSE(take_decimal<std::uint8_t>(text));
    EXPECT_EQ(text, "300x");
}
}  // namespace
