// SPDX-License-Identifier: MIT
#include "daemon/executor.hpp"

#include <atomic>
#include <memory>

#include <gtest/gtest.h>

namespace {
using namespace paravane;
using namespace std::chrono_literals;

TEST(Executor, NothingIsLeftOfWhatIsTakenBack) {
    Executor executor{1};
    auto const held = std::make_shared<int>(0);
    std::atomic<bool> done = false;
    std::uint64_t const first = executor.post_after(24h, [held] { ++*held; });
    std::uint64_t const second = executor.post_after(24h, [held] { ++*held; });
    EXPECT_EQ(held.use_count(), 3);
    executor.take_back(first);
    EXPECT_EQ(held.use_count(), 2);
    EXPECT_EQ(executor.waiting(), 1u);
    executor.take_back(first);
    executor.take_back(0);
    std::uint64_t const third = executor.post_after(0s, [&] { done = true; });
    while (!done) std::this_thread::sleep_for(1ms);
    executor.take_back(third);
    EXPECT_EQ(executor.waiting(), 1u);
    executor.take_back(second);
    EXPECT_EQ(held.use_count(), 1);
}
}  // namespace
