// SPDX-License-Identifier: MIT
#include "core/sched/timer.hpp"

#include <memory>
#include <vector>

#include "core/sched/scheduler.hpp"
#include "core/time/guest_time.hpp"
#include "hosted/world.hpp"

#include <gtest/gtest.h>

namespace hosted {
namespace {
struct Recorder {
    std::vector<int>* fired;
    int name;
    Timer timer{};

    Recorder(std::vector<int>& into, int n) : fired{&into}, name{n} {
        timer.callback = [](void* self) {
            static_cast<Recorder*>(self)->fired->push_back(static_cast<Recorder*>(self)->name);
        };
        timer.owner = this;
    }
};

struct TimerTest : testing::Test {
    Machine& machine = started_machine();
    std::vector<int> fired;

    // Without timers of the core's own, such as the one that reads the clocks once a second.
    void SetUp() override {
        machine.reset();
        for (CpuId cpu = 0; cpu < machine.cpus; ++cpu) {
            machine.cpu = cpu;
            sched::start_cpu(cpu);
            guest_time::start(cpu);
            (void)sched::idle_vcpu(cpu);
        }
        machine.cpu = 0;
        machine.deadline = ~Time{0};
    }
};

TEST_F(TimerTest, FireInOrderOfExpiryAndOnlyWhenDue) {
    Recorder a{fired, 1}, b{fired, 2}, c{fired, 3};
    a.timer.arm(machine.time + 300, 0);
    b.timer.arm(machine.time + 100, 0);
    c.timer.arm(machine.time + 200, 0);
    EXPECT_EQ(machine.deadline, machine.time + 100);
    machine.time += 250;
    run_expired_timers();
    EXPECT_EQ(fired, (std::vector{2, 3}));
    EXPECT_EQ(machine.deadline, machine.time + 50);
    machine.time += 50;
    run_expired_timers();
    EXPECT_EQ(fired, (std::vector{2, 3, 1}));
    EXPECT_EQ(machine.deadline, ~Time{0});
}

// The hardware's timer fires at once for those that are left.
TEST_F(TimerTest, ManyAtOnceLeaveRoomForOtherInterrupts) {
    std::vector<std::unique_ptr<Recorder>> many;
    for (int i = 0; i < 100; ++i) {
        many.push_back(std::make_unique<Recorder>(fired, i));
        many.back()->timer.arm(machine.time + 100, 0);
    }
    machine.time += 100;
    int rounds = 0;
    for (std::size_t before = 0; machine.deadline <= machine.time; before = fired.size(), ++rounds) {
        run_expired_timers();
        EXPECT_GT(fired.size(), before);
        EXPECT_LE(fired.size(), before + 32);
    }
    EXPECT_EQ(fired.size(), 100u);
    EXPECT_EQ(rounds, 4);
}

TEST_F(TimerTest, ArmingAgainMovesItAndDisarmingEndsIt) {
    Recorder a{fired, 1}, b{fired, 2};
    a.timer.arm(machine.time + 100, 0);
    a.timer.arm(machine.time + 300, 0);
    b.timer.arm(machine.time + 100, 0);
    b.timer.disarm();
    machine.time += 200;
    run_expired_timers();
    EXPECT_TRUE(fired.empty());
    machine.time += 100;
    run_expired_timers();
    EXPECT_EQ(fired, std::vector{1});
}

TEST_F(TimerTest, TheHardwareIsProgrammedAnewOnlyToFireSooner) {
    Recorder a{fired, 1};
    Time const start = machine.time;
    a.timer.arm(start + 100, 0);
    a.timer.arm(start + 300, 0);
    EXPECT_EQ(machine.deadline, start + 100);
    machine.time += 100;
    run_expired_timers();
    EXPECT_TRUE(fired.empty());
    EXPECT_EQ(machine.deadline, start + 300);
    a.timer.arm(start + 200, 0);
    EXPECT_EQ(machine.deadline, start + 200);
}

TEST_F(TimerTest, ALaterTimerOnAnotherCpuDoesNotDisturbIt) {
    Recorder a{fired, 1};
    machine.cpu = 2;
    a.timer.arm(machine.time + 100, 2);
    machine.cpu = 0;
    a.timer.arm(machine.time + 200, 2);
    EXPECT_TRUE(machine.kicks.empty());
    machine.cpu = 2;
    machine.time += 100;
    run_expired_timers();
    EXPECT_EQ(machine.deadline, machine.time + 100);
    machine.time += 100;
    run_expired_timers();
    EXPECT_EQ(fired, std::vector{1});
}

TEST_F(TimerTest, ACallbackThatArmsAgainInThePastDoesNotKeepTheCpu) {
    struct Again {
        Machine& machine;
        int count = 0;
        Timer timer{};
    } again{machine};
    again.timer.callback = [](void* self) {
        Again& me = *static_cast<Again*>(self);
        ++me.count;
        me.timer.arm(me.machine.time + 1, 0);
        me.machine.time += 10;
    };
    again.timer.owner = &again;
    again.timer.arm(machine.time, 0);
    run_expired_timers();
    EXPECT_EQ(again.count, 1);
    again.timer.end();
}

TEST_F(TimerTest, AnEarlierTimerOnAnotherCpuMakesItProgramItsDeadline) {
    Recorder a{fired, 1};
    a.timer.arm(machine.time + 100, 2);
    EXPECT_EQ(machine.kicks, std::vector<u32>{2});
    EXPECT_EQ(machine.deadline, ~Time{0});
    machine.cpu = 2;
    follow_remote_timers();
    EXPECT_EQ(machine.deadline, machine.time + 100);
    machine.time += 100;
    run_expired_timers();
    EXPECT_EQ(fired, std::vector{1});
}

TEST_F(TimerTest, MovesFromOneCpuToAnother) {
    Recorder a{fired, 1};
    a.timer.arm(machine.time + 100, 0);
    a.timer.arm(machine.time + 100, 1);
    machine.time += 100;
    run_expired_timers();
    EXPECT_TRUE(fired.empty());
    machine.cpu = 1;
    run_expired_timers();
    EXPECT_EQ(fired, std::vector{1});
}
}  // namespace
}  // namespace hosted
