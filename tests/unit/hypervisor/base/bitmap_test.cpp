// SPDX-License-Identifier: MIT
#include "base/bitmap.hpp"

#include <gtest/gtest.h>

namespace hv {
namespace {
TEST(AtomicBitmap, FindsTheNextOneFromAnywhere) {
    AtomicBitmap<150> bitmap;
    EXPECT_EQ(bitmap.next(0), 150u);
    for (u32 bit : {3u, 63u, 64u, 149u}) bitmap.set(bit);
    EXPECT_EQ(bitmap.next(0), 3u);
    EXPECT_EQ(bitmap.next(3), 3u);
    EXPECT_EQ(bitmap.next(4), 63u);
    EXPECT_EQ(bitmap.next(64), 64u);
    EXPECT_EQ(bitmap.next(65), 149u);
    EXPECT_EQ(bitmap.next(150), 150u);
    EXPECT_EQ(bitmap.next(60'000), 150u);
    bitmap.clear(149);
    EXPECT_EQ(bitmap.next(65), 150u);
}

TEST(AtomicBitmap, IsEmptyWithoutAnyBitOfAnyWord) {
    AtomicBitmap<150> bitmap;
    EXPECT_TRUE(bitmap.empty());
    for (u32 bit : {0u, 64u, 149u}) {
        bitmap.set(bit);
        EXPECT_FALSE(bitmap.empty()) << bit;
        bitmap.clear(bit);
        EXPECT_TRUE(bitmap.empty()) << bit;
    }
}
}  // namespace
}  // namespace hv
