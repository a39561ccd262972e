// SPDX-License-Identifier: MIT
// Debug and hosted builds notice a lock that is taken out of order, before it can wait for anybody.
#include "base/lock.hpp"
#include "base/log.hpp"

#include "hosted/machine.hpp"

#include <gtest/gtest.h>

namespace hosted {
namespace {
struct LockOrder : testing::Test {
    Spinlock<LockRank::event_table> tables[2];
    Spinlock<LockRank::channel> channel;
    Spinlock<LockRank::run_queue> queue;

    static std::string complaint(auto&& action) {
        try {
            action();
        } catch (Panic const& panic) { return panic.reason.substr(0, panic.reason.find(" at ")); }
        return "none";
    }
};

TEST_F(LockOrder, InwardsIsAllowed) {
    SpinGuard outer{tables[0]};
    SpinGuard middle{channel};
    SpinGuard inner{queue};
}

TEST_F(LockOrder, OutwardsIsNoticedWithBothNames) {
    SpinGuard held{queue};
    EXPECT_EQ(complaint([&] { channel.lock(); }), "lock order: channel wanted by a CPU that holds run queue");
    EXPECT_EQ(complaint([&] { tables[0].lock(); }), "lock order: event table wanted by a CPU that holds run queue");
}

TEST_F(LockOrder, ALockThatIsHeldAlreadyIsNoticedInsteadOfWaitingForever) {
    SpinGuard held{channel};
    EXPECT_EQ(complaint([&] { channel.lock(); }), "lock order: channel wanted by a CPU that holds channel");
}

TEST_F(LockOrder, TwoOfARankGoByTheirPlaces) {
    {
        SpinGuard lower{tables[0], 3};
        SpinGuard higher{tables[1], 4};
    }
    SpinGuard held{tables[0], 3};
    std::string const noticed = "lock order: event table wanted by a CPU that holds event table";
    EXPECT_EQ(complaint([&] { tables[1].lock(2); }), noticed);
    EXPECT_EQ(complaint([&] { tables[1].lock(3); }), noticed);
    EXPECT_EQ(complaint([&] { tables[1].lock(); }), noticed);
}

TEST_F(LockOrder, TheFirstOfTwoNeedsAPlaceToo) {
    SpinGuard held{tables[0]};
    EXPECT_NE(complaint([&] { tables[1].lock(1); }), "none");
}

TEST_F(LockOrder, WhatWasGivenBackDoesNotCount) {
    tables[0].lock();
    channel.lock();
    tables[0].unlock();  // not the one that was taken last
    queue.lock();
    channel.unlock();
    queue.unlock();
    SpinGuard outer{tables[0]};
}

TEST_F(LockOrder, EveryRankIsNamedAndFollowsTheOneBeforeIt) {
    HeldLocks held{};
    for (u8 rank = 0; rank < static_cast<u8>(LockRank::log); ++rank) {
        held.take(LockRank{rank}, 0);
        std::string const noticed = complaint([&] { held.take(LockRank{rank}, 0); });
        EXPECT_GT(noticed.size(), std::string{"lock order:  wanted by a CPU that holds "}.size());
        held.take(LockRank{static_cast<u8>(rank + 1)}, 0);
        EXPECT_NE(complaint([&] { held.take(LockRank{rank}, 0); }), "none");
        held.give_back(LockRank{rank});
        held.give_back(LockRank{static_cast<u8>(rank + 1)});
    }
}

// The CPU that had the log's lock has been stopped in the middle of a line: the last words of the machine do not wait
// for it.
TEST_F(LockOrder, WhoIsAloneLogsWithoutTheLock) {
    Machine& machine = Machine::get();
    machine.reset();
    std::string found = "not asked";
    machine.when_logged = [&] {
        log::be_alone(true);
        found = complaint([] { log::error("halted"); });
        log::be_alone(false);
    };
    log::error("dom0: no memory");
    EXPECT_EQ(found, "none");
    EXPECT_NE(machine.console.find("halted"), std::string::npos);
    machine.reset();
}
}  // namespace
}  // namespace hosted
