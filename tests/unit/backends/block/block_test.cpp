// SPDX-License-Identifier: MIT
// The block backend without its process: plans, mapped pages, limits, and the ring over kills.
#include "block_world.hpp"

#include <gtest/gtest.h>

namespace {
using namespace block_test;
using namespace std::chrono_literals;

constexpr Geometry small{.size = 1 << 20, .sector = 512, .read_only = false, .discards = true};

blkif::Request direct(std::uint8_t operation, std::uint64_t sector, std::vector<blkif::Segment> const& segments) {
    blkif::Request request{};
    request.direct.operation = operation;
    request.direct.segments = static_cast<std::uint8_t>(segments.size());
    request.direct.sector = sector;
    request.direct.id = 77;
    std::copy(segments.begin(), segments.end(), request.direct.segment);
    return request;
}
blkif::Request discard(std::uint64_t sector, std::uint64_t count, std::uint8_t flag = 0) {
    blkif::Request request{};
    request.discard.operation = blkif::discard;
    request.discard.flag = flag;
    request.discard.sector = sector;
    request.discard.sectors = count;
    return request;
}
blkif::Request indirect(std::uint16_t count, std::uint8_t operation = blkif::read) {
    blkif::Request request{};
    request.indirect.operation = blkif::indirect;
    request.indirect.indirect_operation = operation;
    request.indirect.segments = count;
    return request;
}
std::optional<blkif::Status> refusal(blkif::Request const& request, Geometry const& geometry = small,
                                     Segments const& segments = {}) {
    Plan plan;
    return make_plan(request, segments, geometry, plan);
}

TEST(BlockPlan, SaysWhatIsToBeDone) {
    Plan plan;
    ASSERT_FALSE(make_plan(direct(blkif::write, 8, {{5, 0, 7, 0}, {6, 2, 3, 0}}), {}, small, plan));
    EXPECT_EQ(plan.action, Action::write);
    EXPECT_EQ(plan.offset, 4096u);
    EXPECT_EQ(plan.length, 4096u + 1024u);
    ASSERT_EQ(plan.count, 2u);
    EXPECT_EQ(plan.piece[1].ref, 6u);
    EXPECT_EQ(plan.piece[1].offset, 1024u);
    EXPECT_EQ(plan.piece[1].length, 1024u);
    ASSERT_FALSE(make_plan(discard(8, 16), {}, small, plan));
    EXPECT_EQ(plan.action, Action::discard);
    EXPECT_EQ(plan.length, 8192u);
    EXPECT_EQ(plan.count, 0u);
}

TEST(BlockPlan, EndsWithTheDisk) {
    std::uint64_t const end = small.size / 512;
    EXPECT_FALSE(refusal(direct(blkif::read, end - 1, {{1, 0, 0, 0}})));
    EXPECT_EQ(refusal(direct(blkif::read, end - 1, {{1, 0, 1, 0}})), blkif::error);
    EXPECT_EQ(refusal(direct(blkif::read, end, {{1, 0, 0, 0}})), blkif::error);
    for (std::uint64_t wild : {~std::uint64_t{0}, ~std::uint64_t{0} / 512, ~std::uint64_t{0} / 512 + 1,
                               std::uint64_t{1} << 55, std::uint64_t{1} << 63}) {
        EXPECT_EQ(refusal(direct(blkif::read, wild, {{1, 0, 0, 0}})), blkif::error) << wild;
        EXPECT_EQ(refusal(discard(wild, 1)), blkif::error) << wild;
        EXPECT_EQ(refusal(discard(1, wild)), blkif::error) << wild;
        EXPECT_EQ(refusal(discard(wild, wild)), blkif::error) << wild;
    }
    EXPECT_EQ(refusal(discard(0, 0)), blkif::error);
}

TEST(BlockPlan, StaysWithinItsPages) {
    for (auto [first, last] : {std::pair{0, 8}, {7, 6}, {255, 255}, {8, 8}, {0, 255}})
        EXPECT_EQ(refusal(direct(blkif::read, 0,
                                 {{1, static_cast<std::uint8_t>(first), static_cast<std::uint8_t>(last), 0}})),
                  blkif::error);
    blkif::Request many = direct(blkif::read, 0, {});
    EXPECT_EQ(refusal(many), blkif::error);
    for (int count : {12, 255}) {
        many.direct.segments = static_cast<std::uint8_t>(count);
        EXPECT_EQ(refusal(many), blkif::error);
    }
}

TEST(BlockPlan, IsOfWholeSectorsOfTheDisk) {
    Geometry large = small;
    large.sector = 4096;
    EXPECT_FALSE(refusal(direct(blkif::read, 8, {{1, 0, 7, 0}}), large));
    EXPECT_EQ(refusal(direct(blkif::read, 4, {{1, 0, 7, 0}}), large), blkif::error);
    EXPECT_EQ(refusal(direct(blkif::read, 8, {{1, 0, 3, 0}, {2, 4, 7, 0}}), large), blkif::error);
    EXPECT_EQ(refusal(discard(8, 4), large), blkif::error);
    EXPECT_FALSE(refusal(discard(8, 8), large));
}

TEST(BlockPlan, WritesNothingToWhatIsReadOnly) {
    Geometry fixed = small;
    fixed.read_only = true;
    EXPECT_FALSE(refusal(direct(blkif::read, 0, {{1, 0, 0, 0}}), fixed));
    EXPECT_EQ(refusal(direct(blkif::write, 0, {{1, 0, 0, 0}}), fixed), blkif::error);
    EXPECT_EQ(refusal(discard(0, 1), fixed), blkif::error);
    Segments segments{};
    segments.count = 1;
    EXPECT_FALSE(refusal(indirect(1, blkif::read), fixed, segments));
    EXPECT_EQ(refusal(indirect(1, blkif::write), fixed, segments), blkif::error);
    EXPECT_EQ(pages_of_segments(indirect(1, blkif::write), true), 0u);
}

TEST(BlockPlan, KnowsWhatItDoesNotDo) {
    Geometry plain = small;
    plain.discards = false;
    EXPECT_EQ(refusal(discard(0, 1), plain), blkif::not_supported);
    EXPECT_EQ(refusal(discard(0, 1, blkif::discard_secure)), blkif::not_supported);
    EXPECT_EQ(refusal(direct(blkif::write_barrier, 0, {{1, 0, 0, 0}})), blkif::not_supported);
    EXPECT_EQ(refusal(direct(blkif::flush, 0, {{1, 0, 0, 0}})), blkif::not_supported);
    EXPECT_FALSE(refusal(direct(blkif::flush, 0, {})));
    for (int operation : {4, 7, 255})
        EXPECT_EQ(refusal(direct(static_cast<std::uint8_t>(operation), 0, {})), blkif::not_supported);
}

TEST(BlockPlan, TakesIndirectSegmentsAsTheyWereRead) {
    EXPECT_EQ(pages_of_segments(indirect(1), false), 1u);
    EXPECT_EQ(pages_of_segments(indirect(256), false), 1u);
    EXPECT_EQ(pages_of_segments(indirect(0), false), 0u);
    EXPECT_EQ(pages_of_segments(indirect(257), false), 0u);
    EXPECT_EQ(pages_of_segments(indirect(65535), false), 0u);
    EXPECT_EQ(pages_of_segments(indirect(1, blkif::indirect), false), 0u);
    EXPECT_EQ(pages_of_segments(indirect(1, blkif::discard), false), 0u);
    Segments segments{};
    segments.all[0] = {9, 0, 7, 0};
    EXPECT_EQ(refusal(indirect(1), small, segments), blkif::error) << "they could not be read";
    segments.count = 256;
    segments.all.fill({9, 0, 0, 0});
    EXPECT_FALSE(refusal(indirect(256), small, segments));
    segments.all[255].last = 8;
    EXPECT_EQ(refusal(indirect(256), small, segments), blkif::error);
    EXPECT_EQ(response_to(indirect(1, blkif::write), blkif::okay).operation, blkif::write);
}

TEST(PersistentGrants, KeepsThoseThatWereUsedLast) {
    Guest guest;
    {
        PersistentGrants grants{guest, 3};
        for (std::uint32_t ref : {1u, 2u, 3u}) {
            EXPECT_EQ(grants.take(ref), guest.at(ref));
            grants.give_back(ref);
        }
        EXPECT_EQ(grants.take(1), guest.at(1));
        grants.give_back(1);
        EXPECT_NE(grants.take(4), nullptr);  // 2 makes way
        EXPECT_FALSE(guest.mapped.contains(guest.at(2)));
        EXPECT_TRUE(guest.mapped.contains(guest.at(1)));
        EXPECT_EQ(grants.size(), 3u);
    }
    EXPECT_TRUE(guest.mapped.empty());
}

TEST(PersistentGrants, LeavesWhatIsInUse) {
    Guest guest;
    PersistentGrants grants{guest, 2};
    EXPECT_NE(grants.take(1), nullptr);
    EXPECT_NE(grants.take(1), nullptr);
    EXPECT_NE(grants.take(2), nullptr);
    EXPECT_EQ(grants.take(3), nullptr);
    grants.give_back(1);
    EXPECT_EQ(grants.take(3), nullptr) << "another request still uses it";
    grants.give_back(1);
    EXPECT_NE(grants.take(3), nullptr);
    EXPECT_EQ(grants.take(pages), nullptr) << "not granted";
    EXPECT_EQ(grants.size(), 2u);
}

TEST(TokenBucket, HoldsTheAverageAndLetsTheLargestPass) {
    Clock::time_point now{1h};
    TokenBucket bucket;
    bucket.charge(1'000'000'000, now);
    EXPECT_EQ(bucket.wait(now), 0s) << "without a limit";
    bucket.set(1000);
    bucket.charge(5000, now);
    EXPECT_GT(bucket.wait(now + 4s), 0s);
    EXPECT_EQ(bucket.wait(now + 5s), 0s);
    std::uint64_t passed = 0;
    for (now += 1h; now < Clock::time_point{2h + 100s}; now += 1ms) {
        if (bucket.wait(now) > 0s) continue;
        bucket.charge(70, now);
        passed += 70;
    }
    EXPECT_NEAR(static_cast<double>(passed), 100'000, 300);
    bucket.set(0);
    EXPECT_EQ(bucket.wait(now), 0s) << "the limit is gone at once";
}

struct Outcome {
    bool first_stopped, second_stopped;
    std::uint64_t answers;
};
Outcome play_with_stops(bool keeps, unsigned seed, long first, long second) {
    World world{keeps};
    std::mt19937 random{seed};
    StoppingStores::left = first;
    Outcome outcome{world.play(random, 150), false, 0};
    if (outcome.first_stopped) {
        StoppingStores::left = second;
        outcome.second_stopped = world.play(random, 60);
    }
    world.finish();
    outcome.answers = world.answers;
    return outcome;
}

TEST(BlockRing, LosesAndDoublesNothingWhereverItsProcessIsStopped) {
    for (unsigned seed = 0; seed < 6; ++seed) {
        long stores = 0;
        for (;; ++stores) {
            Outcome outcome{};
            ASSERT_NO_THROW(outcome = play_with_stops(seed % 2 == 0, seed, stores, -1))
                << "seed " << seed << ", store " << stores;
            if (!outcome.first_stopped) {
                EXPECT_GT(outcome.answers, 3u);
                break;
            }
        }
        EXPECT_GT(stores, 100) << "the run is long enough to mean something";
    }
}

TEST(BlockRing, SurvivesASecondStopWhileItTakesUpWhatTheFirstLeft) {
    for (unsigned seed : {21u, 22u}) {
        for (long first = 0; play_with_stops(seed % 2 == 0, seed, first, -1).first_stopped; first += 5) {
            for (long second = 0;; second += 3) {
                Outcome outcome{};
                ASSERT_NO_THROW(outcome = play_with_stops(seed % 2 == 0, seed, first, second))
                    << "seed " << seed << ", stores " << first << " and " << second;
                if (!outcome.second_stopped) break;
            }
        }
    }
}

TEST(BlockRing, GoesOnThroughManyProcesses) {
    std::uint64_t answers = 0, errors = 0, restarts = 0;
    for (unsigned seed = 0; seed < 30; ++seed) {
        World world{seed % 2 == 0};
        std::mt19937 random{seed};
        for (int process = 0; process < 30; ++process) {
            StoppingStores::left = static_cast<long>(random() % 160);
            bool stopped = false;
            ASSERT_NO_THROW(stopped = world.play(random, 80)) << "seed " << seed << ", process " << process;
            if (!stopped && random() % 2 == 0) world.end(random);  // between two stores
        }
        ASSERT_NO_THROW(world.finish()) << "seed " << seed;
        answers += world.answers;
        errors += world.errors;
        restarts += world.restarts;
    }
    EXPECT_GT(answers, 1000u);
    EXPECT_GT(errors, 10u);
    EXPECT_GT(restarts, 300u);
}

TEST(BlockRing, GivesUpAGuestWhoseIndexIsWildAndServesNothingOfIt) {
    StoppingStores::left = -1;
    Guest guest;
    MemoryStorage storage;
    auto memory = std::make_unique<Server::Journal::Contents>();
    alignas(64) std::array<std::byte, ring_size> page{};
    Backend backend{guest, storage, *memory, page.data(), false};
    EXPECT_EQ(backend.server.serve({}), Server::Look::idle);
    reinterpret_cast<abi::io::RingHeader*>(page.data())->req_prod = 9;
    EXPECT_EQ(backend.server.serve({}), Server::Look::broken);
    EXPECT_TRUE(storage.pending.empty());
}

TEST(BlockRing, WaitsForItsLimitsAndForMemory) {
    StoppingStores::left = -1;
    Guest guest;
    MemoryStorage storage;
    auto memory = std::make_unique<Server::Journal::Contents>();
    alignas(64) std::array<std::byte, ring_size> page{};
    Front front{page.data(), page.size()};
    front.initialise();
    Backend backend{guest, storage, *memory, page.data(), false};
    for (std::uint32_t i = 0; i < 4; ++i) front.put(direct(blkif::read, i, {{i, 0, 0, 0}}));
    (void)front.push();
    Clock::time_point const now{1h};
    backend.disk.limits.operations.set(10);
    EXPECT_EQ(backend.server.serve(now), Server::Look::waits);
    EXPECT_EQ(storage.pending.size(), 2u) << "what 100 ms allow, and the one that owes";
    backend.disk.memory = most_bytes;
    EXPECT_EQ(backend.server.serve(now + 10s), Server::Look::full);
    EXPECT_EQ(storage.pending.size(), 3u) << "one more has taken of the last";
    backend.server.complete(*storage.take(0), true);
    EXPECT_TRUE(backend.server.push());
    EXPECT_EQ(backend.disk.memory, most_bytes + 512 - 512);
}
}  // namespace
