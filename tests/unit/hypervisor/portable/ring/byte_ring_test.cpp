// SPDX-License-Identifier: MIT
#include "portable/ring/byte_ring.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>

namespace {
using namespace hv;
using namespace std::literals;

constexpr u32 size = 64;
struct Page {
    char bytes[size];
    u32 producer, consumer;
};
using Producer = ring::ByteProducer<size>;
using Consumer = ring::ByteConsumer<size>;

TEST(ByteRing, BytesArriveInOrderAcrossBothWraps) {
    Page page{{}, 0xffffff00, 0xffffff00};
    Producer producer{page.bytes, page.producer, page.consumer};
    Consumer consumer{page.bytes, page.producer, page.consumer};
    std::mt19937 random{7};
    std::string sent, received;
    for (int round = 0; round < 5000; ++round) {
        std::string text(random() % 100, 'x');
        for (char& c : text) c = static_cast<char>(random());
        sent.append(text, 0, *producer.put(text));
        char buffer[size + 6];
        received.append(buffer, *consumer.take(std::span{buffer}.first(random() % sizeof(buffer))));
    }
    EXPECT_GT(received.size(), 100'000u);
    EXPECT_EQ(sent.compare(0, received.size(), received), 0);
    EXPECT_EQ(sent.size() - received.size(), *consumer.waiting());
}

TEST(ByteRing, IsFullAndEmptyAtTheRightTimes) {
    Page page{};
    Producer producer{page.bytes, page.producer, page.consumer};
    Consumer consumer{page.bytes, page.producer, page.consumer};
    char buffer[2 * size];
    EXPECT_EQ(consumer.take(buffer), 0u);
    EXPECT_EQ(producer.put(std::string(size + 1, 'a')), size);
    EXPECT_EQ(producer.put("b"sv), 0u);
    EXPECT_EQ(consumer.take(std::span{buffer}.first(10)), 10u);
    EXPECT_EQ(producer.put("bcdefghijklm"sv), 10u);
    EXPECT_EQ(consumer.take(buffer), size);
    EXPECT_EQ(buffer[size - 1], 'k');
}

TEST(ByteRing, IndicesThatMakeNoSenseStopAnEnd) {
    Page page{};
    Producer producer{page.bytes, page.producer, page.consumer};
    Consumer consumer{page.bytes, page.producer, page.consumer};
    char buffer[size];
    for (u32 wild : {size + 1, 0x80000000u, 0xffffffffu}) {
        page.producer = wild;
        EXPECT_FALSE(consumer.take(buffer)) << wild;
        EXPECT_FALSE(consumer.waiting()) << wild;
    }
    for (u32 wild : {1u, 0x80000000u, 0xffffffffu - size}) {
        page.consumer = wild;
        EXPECT_FALSE(producer.put("x"sv)) << wild;
    }
    EXPECT_EQ(page.bytes[0], 0);
}

TEST(ByteRing, OwnIndexIsNotTheOthersToChange) {
    Page page{};
    Producer producer{page.bytes, page.producer, page.consumer};
    Consumer consumer{page.bytes, page.producer, page.consumer};
    EXPECT_EQ(producer.put("abc"sv), 3u);
    page.consumer = 2;
    char buffer[size];
    EXPECT_EQ(consumer.take(buffer), 3u);
    EXPECT_EQ(page.consumer, 3u);
    page.producer = 60;
    EXPECT_EQ(producer.put("d"sv), 1u);
    EXPECT_EQ(page.producer, 4u);
}

TEST(ByteRing, SkipAndRestart) {
    Page page{};
    Producer producer{page.bytes, page.producer, page.consumer};
    Consumer consumer{page.bytes, page.producer, page.consumer};
    page.producer = 0x12345678;
    consumer.skip_all();
    EXPECT_EQ(consumer.waiting(), 0u);
    EXPECT_EQ(page.consumer, 0x12345678u);
    consumer.restart();
    producer.restart();
    EXPECT_EQ(page.consumer, 0u);
    EXPECT_EQ(page.producer, 0u);
    EXPECT_EQ(producer.put("x"sv), 1u);
    EXPECT_EQ(consumer.waiting(), 1u);
}

TEST(ByteRing, StayWhereTheyAreUntilItIsSaid) {
    Page page{{}, 0, 0};
    Producer producer{page.bytes, page.producer, page.consumer, 0};
    EXPECT_EQ(producer.copy("abcdef"sv), 6u);
    EXPECT_EQ(page.producer, 0u);
    producer.advance(3);
    EXPECT_EQ(page.producer, 3u);
    page.consumer = 50;  // nobody reads it back
    Consumer consumer{page.bytes, page.producer, page.consumer, 1};
    char buffer[size];
    EXPECT_EQ(consumer.copy(buffer), 2u);
    EXPECT_EQ(consumer.copy(buffer), 2u);
    EXPECT_EQ((std::string_view{buffer, 2}), "bc");
    EXPECT_EQ(page.consumer, 50u);
    consumer.advance(2);
    EXPECT_EQ(page.consumer, 3u);
    EXPECT_EQ(consumer.index(), 3u);
}
}  // namespace
