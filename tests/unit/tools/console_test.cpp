// SPDX-License-Identifier: MIT
#include "console/console_ring.hpp"

#include "console/scrollback.hpp"

#include <gtest/gtest.h>

#include <random>

namespace {
using abi::io::console_in_size;
using abi::io::console_out_size;
using paravane::ConsoleRing;
using paravane::Result;
using paravane::Scrollback;

// The guest's side.
struct Guest {
    abi::io::ConsoleRing page{};

    void print(std::string_view text) {
        for (char c : text) page.out[page.out_prod++ % console_out_size] = c;
    }
    std::string typed() {
        std::string text;
        while (page.in_cons != page.in_prod) text += page.in[page.in_cons++ % console_in_size];
        return text;
    }
};

TEST(ConsoleRing, OutputArrivesInOrderAcrossTheEndOfTheRing) {
    Guest guest;
    guest.page.out_cons = guest.page.out_prod = 0xffffff00;  // indices wrap at 32 bits, too
    ConsoleRing ring{guest.page};
    std::string printed, seen;
    for (int i = 0; i < 300; ++i) {
        std::string line = "line " + std::to_string(i) + std::string(static_cast<std::size_t>(i) % 50, '.') + "\n";
        guest.print(line);
        printed += line;
        seen += *ring.take_output();
        EXPECT_EQ(guest.page.out_cons, guest.page.out_prod);
    }
    EXPECT_EQ(seen, printed);
    EXPECT_TRUE(ring.take_output()->empty());
}

TEST(ConsoleRing, WildProducerIsAnErrorAndNotTheEnd) {
    Guest guest;
    ConsoleRing ring{guest.page};
    guest.page.out_prod = 0x80000000;
    EXPECT_FALSE(ring.take_output());
    guest.print("back to sense");
    EXPECT_EQ(*ring.take_output(), "back to sense");
}

TEST(ConsoleRing, GuestCannotMoveOurIndex) {
    Guest guest;
    ConsoleRing ring{guest.page};
    guest.print("abc");
    guest.page.out_cons = 77;
    EXPECT_EQ(*ring.take_output(), "abc");
    EXPECT_EQ(guest.page.out_cons, 3u);
    guest.page.in_prod = 500;
    EXPECT_EQ(ring.give_input("x"), 1u);
    EXPECT_EQ(guest.page.in_prod, 1u);
}

TEST(ConsoleRing, InputStopsWhenTheRingIsFull) {
    Guest guest;
    ConsoleRing ring{guest.page};
    std::string text(console_in_size + 100, 'k');
    EXPECT_EQ(ring.give_input(text), console_in_size);
    EXPECT_EQ(ring.give_input("more"), 0u);
    EXPECT_EQ(guest.typed(), std::string(console_in_size, 'k'));
    EXPECT_EQ(ring.give_input("more"), 4u);
    guest.page.in_cons = 0x40000000;
    EXPECT_EQ(ring.give_input("nothing for nonsense"), 0u);
}

TEST(ConsoleRing, NewProcessGoesOnWhereTheOldOneStopped) {
    Guest guest;
    guest.print("before");
    {
        ConsoleRing ring{guest.page};
        EXPECT_EQ(*ring.take_output(), "before");
    }
    guest.print("after");
    ConsoleRing again{guest.page};
    EXPECT_EQ(*again.take_output(), "after");
    guest.page.out_cons = 0x12345678;
    ConsoleRing damaged{guest.page};
    EXPECT_TRUE(damaged.take_output()->empty());
}

TEST(ConsoleRing, NoIndicesDoHarm) {
    std::mt19937 random{3};
    Guest guest;
    ConsoleRing ring{guest.page};
    for (int i = 0; i < 20000; ++i) {
        guest.page.out_prod = random();
        guest.page.out_cons = random();
        guest.page.in_prod = random();
        guest.page.in_cons = random();
        Result<std::string_view> text = ring.take_output();
        EXPECT_TRUE(!text || text->size() <= console_out_size);
        EXPECT_LE(ring.give_input("0123456789"), 10u);
    }
}

TEST(Scrollback, KeepsTheEndAndCountsFromTheStart) {
    Scrollback back{100};
    std::string all;
    for (int i = 0; i < 200; ++i) {
        std::string line = std::to_string(i) + "\n";
        back.append(line);
        all += line;
        EXPECT_EQ(back.end(), all.size());
        EXPECT_LE(back.end() - back.begin(), 125u);
        EXPECT_EQ(back.from(back.begin()), all.substr(back.begin()));
    }
    EXPECT_GE(back.end() - back.begin(), 100u);
    EXPECT_TRUE(back.from(back.end()).empty());
    EXPECT_TRUE(back.from(back.begin() - 1).empty());
}
}  // namespace
