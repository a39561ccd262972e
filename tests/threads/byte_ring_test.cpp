// SPDX-License-Identifier: MIT
// Both ends of a byte ring at once: what one has written is what the other reads, without a lock, and so is what it has
// written elsewhere before.
#include "portable/ring/byte_ring.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace {
using namespace hv;

constexpr u32 size = 64;
struct Page {
    char bytes[size];
    u32 producer, consumer;
};

TEST(Threads, ByteRingEndsOnTwoCpus) {
    constexpr u32 total = 20'000;
    Page page{{}, 0xffff'ff00, 0xffff'ff00};
    std::vector<u32> elsewhere(total);  // the sanitizer does not look into copies of memory, but at this
    std::thread writer{[&] {
        ring::ByteProducer<size> end{page.bytes, page.producer, page.consumer};
        for (u32 sent = 0; sent < total;) {
            char text[7];
            u32 const next = std::min<u32>(sizeof(text), total - sent);
            for (u32 i = 0; i < next; ++i) text[i] = static_cast<char>(elsewhere[sent + i] = sent + i);
            usize const count = end.put(std::span{text}.first(next)).value();
            sent += static_cast<u32>(count);
            if (count == 0) std::this_thread::yield();
        }
    }};
    ring::ByteConsumer<size> end{page.bytes, page.producer, page.consumer};
    u32 wrong = 0;
    for (u32 received = 0; received < total;) {
        char text[11];
        usize const count = end.take(text).value();
        for (usize i = 0; i < count; ++i, ++received)
            wrong += elsewhere[received] != received || text[i] != static_cast<char>(received);
        if (count == 0) std::this_thread::yield();
    }
    writer.join();
    EXPECT_EQ(wrong, 0u);
    EXPECT_EQ(end.waiting(), 0u);
}
}  // namespace
