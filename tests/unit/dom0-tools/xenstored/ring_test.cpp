// SPDX-License-Identifier: MIT
#include "xenstored/ring.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <string>

namespace paravane::xenstored {
namespace {
std::optional<std::size_t> take(Ring& ring, std::span<std::byte> into) {
    std::optional<std::size_t> count = ring.look(into);
    if (count) ring.pass_input(*count);
    return count;
}

std::optional<std::size_t> put(Ring& ring, std::span<std::byte const> from) {
    std::optional<std::size_t> count = ring.put(from);
    if (count) ring.pass_output(*count);
    return count;
}
}  // namespace

TEST(Ring, BytesArriveInOrderAcrossTheWrap) {
    RingPage page{};
    Ring ring{page};
    std::mt19937 random{7};
    std::uint8_t sent = 0;
    std::uint8_t received = 0;
    for (int round = 0; round < 5000; ++round) {
        std::uint32_t room = 1024 - (page.req_prod - page.req_cons);
        for (std::uint32_t count = random() % (room + 1); count > 0; --count) {
            page.req[page.req_prod++ % 1024] = static_cast<char>(sent++);
        }
        std::array<std::byte, 300> chunk;
        std::optional<std::size_t> taken = take(ring, chunk);
        ASSERT_TRUE(taken);
        for (std::size_t i = 0; i < *taken; ++i) ASSERT_EQ(chunk[i], static_cast<std::byte>(received++));
    }
}

TEST(Ring, OutputStopsWhenTheGuestDoesNotRead) {
    RingPage page{};
    Ring ring{page};
    std::array<std::byte, 1500> data{};
    EXPECT_EQ(put(ring, data), 1024U);
    EXPECT_EQ(put(ring, data), 0U);
    page.rsp_cons += 10;
    EXPECT_EQ(put(ring, data), 10U);
}

TEST(Ring, ImpossibleIndicesAreRefused) {
    RingPage page{};
    Ring ring{page};
    std::array<std::byte, 16> data{};
    page.req_prod = 1025;
    EXPECT_FALSE(take(ring, data));
    page.req_prod = 0xffffffff;
    EXPECT_FALSE(take(ring, data));
    page.rsp_cons = 1;
    EXPECT_FALSE(put(ring, data));
}

TEST(Ring, OurIndicesAreNotTheGuestsToChange) {
    RingPage page{};
    Ring ring{page};
    std::array<std::byte, 16> data{};
    EXPECT_EQ(put(ring, data), 16U);
    page.rsp_prod = 5000;
    EXPECT_EQ(put(ring, data), 16U);
    EXPECT_EQ(page.rsp_prod, 32U);
}

TEST(Ring, GoesOnFromTheIndicesInThePageAndCanRestart) {
    RingPage page{};
    page.req_cons = page.req_prod = 0xfffffff0;
    page.rsp_cons = page.rsp_prod = 77;
    Ring ring{page};
    for (int i = 0; i < 20; ++i) page.req[page.req_prod++ % 1024] = 9;
    std::array<std::byte, 64> data{};
    EXPECT_EQ(take(ring, data), 20U);
    EXPECT_EQ(page.req_cons, 4U);
    ring.restart();
    EXPECT_EQ(page.req_prod, 0U);
    EXPECT_FALSE(ring.has_input());
}

TEST(Ring, TellsAGuestThatWaitsForTheStore) {
    RingPage page{};
    Ring ring{page};
    EXPECT_FALSE(ring.complete_reconnect());
    page.connection = 1;
    EXPECT_TRUE(ring.complete_reconnect());
    EXPECT_EQ(page.connection, 0U);
}
}  // namespace paravane::xenstored
