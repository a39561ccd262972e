// SPDX-License-Identifier: MIT
// The end of a timer whose callback arms it again at once, on another CPU, as a late periodic one does.
#include "core/sched/timer.hpp"
#include "core/hal/cpu.hpp"
#include "core/hal/time.hpp"

#include <array>
#include <atomic>
#include <memory>
#include <thread>

#include "hosted/world.hpp"

#include <gtest/gtest.h>

namespace hosted {
namespace {
constexpr u32 rounds = 1'000, ticks = 3;
constexpr Time interval = 5'000;

struct Ticker {
    Timer timer;
    std::atomic<u32> ticked{0};
    std::atomic<bool> ended{false};
    std::atomic<bool> late{false};

    Ticker() {
        timer.callback = tick;
        timer.owner = this;
    }
    static void tick(void* owner) {
        Ticker& self = *static_cast<Ticker*>(owner);
        ++self.ticked;
        if (!self.ended) self.timer.arm(hal::now() + interval, hal::this_cpu());
        if (self.ended) self.late = true;
    }
};

TEST(Threads, ATimersEndWaitsForACallbackThatArmsItAgain) {
    World world;
    world.machine().recording = false;
    std::atomic<bool> over{false};
    std::thread other{[&] {
        Machine::cpu = 1;
        while (!over) run_expired_timers();
    }};
    auto const tickers = std::make_unique<std::array<Ticker, rounds>>();
    for (Ticker& ticker : *tickers) {
        ticker.timer.arm(hal::now(), 1);
        while (ticker.ticked < ticks) std::this_thread::yield();
        ticker.timer.end();
        ticker.ended = true;
    }
    over = true;
    other.join();
    u32 late = 0;
    for (Ticker const& ticker : *tickers) late += ticker.late || ticker.timer.armed;
    EXPECT_EQ(late, 0u) << "callbacks ran after the end";
    world.machine().recording = true;
}
}  // namespace
}  // namespace hosted
