// SPDX-License-Identifier: MIT
#include "journal_world.hpp"

#include <gtest/gtest.h>

namespace {
using namespace test;

constexpr int steps = 120;

// Plays with a stop before store number `first` and, in the process that comes after it, before number `second`;
// without an end of that, it says so.
struct Outcome {
    bool first_stopped, second_stopped;
    std::uint64_t answers;
};
Outcome play_with_stops(unsigned seed, long first, long second) {
    World world;
    std::unique_ptr<Backend> backend;
    std::mt19937 random{seed};
    StoppingStores::left = first;
    Outcome outcome{play(world, backend, random, steps), false, 0};
    if (outcome.first_stopped) {
        StoppingStores::left = second;
        outcome.second_stopped = play(world, backend, random, steps / 2);
    }
    finish(world, backend);
    outcome.answers = world.answers;
    return outcome;
}

// With a stop at each store; and for one seed with a second stop, at each store of the process that takes up what the
// first left.
TEST(Journal, AnswersEverythingOnceWhereverItsProcessesAreStopped) {
    struct Runs {
        unsigned first_seed, seeds;
        bool stops_again;
        std::uint64_t least_answers;
    };
    for (Runs const runs : {Runs{0, 12, false, 4}, Runs{100, 1, true, 0}}) {
        for (unsigned seed = runs.first_seed; seed < runs.first_seed + runs.seeds; ++seed) {
            long first = 0;
            for (bool stopped = true; stopped; ++first) {
                for (long second = runs.stops_again ? 0 : -1;; ++second) {
                    Outcome outcome{};
                    ASSERT_NO_THROW(outcome = play_with_stops(seed, first, second))
                        << "seed " << seed << ", stores " << first << " and " << second;
                    EXPECT_GE(outcome.answers, runs.least_answers);
                    stopped = outcome.first_stopped;
                    if (!outcome.second_stopped) break;
                }
            }
            EXPECT_GT(first, 50) << "the run is long enough to mean something";
        }
    }
}

TEST(Journal, GoesOnThroughManyProcesses) {
    for (unsigned seed = 0; seed < 200; ++seed) {
        World world;
        std::unique_ptr<Backend> backend;
        std::mt19937 random{seed};
        for (int process = 0; process < 60; ++process) {
            StoppingStores::left = static_cast<long>(random() % 40);
            ASSERT_NO_THROW(play(world, backend, random, 60)) << "seed " << seed << ", process " << process;
            if (random() % 2 == 0) backend.reset();  // ended between two stores
        }
        ASSERT_NO_THROW(finish(world, backend)) << "seed " << seed;
        EXPECT_GT(world.answers, 20u);
    }
}

TEST(Journal, GoesOnWhereTheIndicesOfTheRingWrap) {
    World world;
    world.memory.at = {0xffff'fffd, 0xffff'fffd};
    auto& header = *reinterpret_cast<abi::io::RingHeader*>(world.page.data());
    // A front end of those indices, played by hand: the library's begins at zero.
    hv::ring::RingPage<Request, Response, hv::ring::Stores> page{world.page.data(), world.page.size()};
    StoppingStores::left = -1;
    Journal journal{world.memory, world.page.data(), world.page.size()};
    EXPECT_TRUE(journal.resume().empty());
    EXPECT_EQ(header.rsp_prod, 0xffff'fffdu);
    for (std::uint64_t number = 0xffff'fffd; number < 0x1'0000'0010; ++number) {
        page.copy_to(number, Request{number, 1, 2});
        hv::store_release(header.req_prod, static_cast<std::uint32_t>(number + 1));
        Journal::Entry* entry = journal.take();
        ASSERT_NE(entry, nullptr);
        EXPECT_EQ(entry->request.id, number);
        journal.answer(*entry, {number, 3});
        (void)journal.push();
        EXPECT_EQ(header.rsp_prod, static_cast<std::uint32_t>(number + 1));
        EXPECT_EQ(page.copy_from<Response>(number).id, number);
    }
}

TEST(Journal, TakesNothingFromAFrontEndWhoseIndexIsWild) {
    World world;
    StoppingStores::left = -1;
    Journal journal{world.memory, world.page.data(), world.page.size()};
    (void)journal.resume();
    auto& header = *reinterpret_cast<abi::io::RingHeader*>(world.page.data());
    for (std::uint32_t wild : {9u, 0x8000'0000u, 0xffff'ffffu}) {
        header.req_prod = wild;
        EXPECT_FALSE(journal.ring().waiting().has_value());
        EXPECT_EQ(journal.take(), nullptr);
        EXPECT_TRUE(journal.ring().final_check()) << "whoever sleeps now would never look at it";
    }
    header.req_prod = 8;
    for (int i = 0; i < 8; ++i) EXPECT_NE(journal.take(), nullptr);
    EXPECT_EQ(journal.take(), nullptr);
    header.req_prod = 7;  // back behind what was taken
    EXPECT_FALSE(journal.ring().waiting().has_value());
}
}  // namespace
