// SPDX-License-Identifier: MIT
#include "base/lock.hpp"

#include <array>
#include <thread>

#include <gtest/gtest.h>

namespace hosted {
namespace {
using namespace hv;

TEST(Spinlock, KeepsAllOthersOut) {
    LockWord word;
    u64 count = 0;  // a plain one: ThreadSanitizer watches it
    std::array<std::thread, 4> threads;
    for (std::thread& thread : threads)
        thread = std::thread{[&] {
            for (u32 i = 0; i < 20'000; ++i) {
                if (!word.try_take()) wait_for_lock(word);
                ++count;
                word.held.store(false, std::memory_order_release);
            }
        }};
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(count, 80'000u);
}

TEST(Spinlock, WhoHasWaitedForLongIsNext) {
    LockWord word;
    bool had_it = false;
    ASSERT_TRUE(word.try_take());
    std::thread other{[&] {
        wait_for_lock(word);
        had_it = true;
        word.held.store(false, std::memory_order_release);
    }};
    while (!word.urgent.load()) std::this_thread::yield();
    word.held.store(false, std::memory_order_release);
    if (!word.try_take()) wait_for_lock(word);
    EXPECT_TRUE(had_it);
    other.join();
    EXPECT_FALSE(word.urgent.load());
}
}  // namespace
}  // namespace hosted
