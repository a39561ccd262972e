// SPDX-License-Identifier: MIT
#include "simulated_cpu.hpp"

#include <gtest/gtest.h>

#include <random>

namespace hosted {
namespace {
constexpr Time ms = 1'000'000;

// The world's vCPUs start runnable. Dom0 is put aside so that it does not take part.
struct Fixture : testing::Test {
    World world;
    SimulatedCpu cpu{world};

    void SetUp() override { sched::set_reason(world.dom0().vcpu(), PauseReason::blocked); }
    Guest& add(u32 weight = 256) {
        Guest& guest = world.add_guest();
        guest.domain().scheduler_weight = weight;
        guest.domain().pause_count = 0;
        pin_to(guest.vcpu(), 0);
        return guest;
    }
    static Time run_time(Guest& guest) { return sched::runstate_of(guest.vcpu()).time[abi::runstate::running]; }
};
using Scheduler = Fixture;

TEST_F(Scheduler, AnIdleCpuRunsWhoeverWakes) {
    Guest& guest = add();
    sched::set_reason(guest.vcpu(), PauseReason::blocked);
    EXPECT_TRUE(cpu.settle().is_idle());
    sched::wake(guest.vcpu());
    EXPECT_EQ(&cpu.settle(), &guest.vcpu());
}

TEST_F(Scheduler, ABlockedVcpuDoesNotRunAndTheNextOneDoes) {
    Guest& a = add();
    Guest& b = add();
    Vcpu& first = cpu.settle();
    sched::set_reason(first, PauseReason::blocked);
    Vcpu& second = cpu.settle();
    EXPECT_NE(&first, &second);
    EXPECT_TRUE(&second == &a.vcpu() || &second == &b.vcpu());
    sched::set_reason(second, PauseReason::blocked);
    EXPECT_TRUE(cpu.settle().is_idle());
}

TEST_F(Scheduler, AWakeUpThatRacesWithBlockingIsNotLost) {
    Guest& guest = add();
    EXPECT_EQ(&cpu.settle(), &guest.vcpu());
    sched::set_reason(guest.vcpu(), PauseReason::blocked);  // on its way out, still current
    sched::wake(guest.vcpu());
    EXPECT_EQ(&cpu.settle(), &guest.vcpu());
}

// The next one was chosen already, and the registers of the one that blocks are not saved yet.
TEST_F(Scheduler, AWakeUpDuringTheSwitchIsNotLost) {
    Guest& guest = add();
    EXPECT_EQ(&cpu.settle(), &guest.vcpu());
    sched::set_reason(guest.vcpu(), PauseReason::blocked);
    cpu.while_switching = [&] { sched::wake(guest.vcpu()); };
    EXPECT_EQ(&cpu.settle(), &guest.vcpu());
    EXPECT_EQ(cpu.while_switching, nullptr) << "there was a switch";
}

TEST_F(Scheduler, EqualsShareEqually) {
    Guest& a = add();
    Guest& b = add();
    Guest& c = add();
    cpu.run_for(3000 * ms);
    for (Guest* guest : {&a, &b, &c}) EXPECT_NEAR(static_cast<double>(run_time(*guest)), 1000.0 * ms, 20.0 * ms);
}

TEST_F(Scheduler, TimeIsSharedByWeight) {
    Guest& light = add(128);
    Guest& normal = add(256);
    Guest& heavy = add(1024);
    cpu.run_for(11'000 * ms);
    EXPECT_NEAR(static_cast<double>(run_time(light)), 1000.0 * ms, 220.0 * ms);
    EXPECT_NEAR(static_cast<double>(run_time(normal)), 2000.0 * ms, 220.0 * ms);
    EXPECT_NEAR(static_cast<double>(run_time(heavy)), 8000.0 * ms, 220.0 * ms);
}

TEST_F(Scheduler, OneThatWakesGetsTheCpuFromABusyNeighbourSoon) {
    Guest& busy = add();
    Guest& sleeper = add();
    sched::set_reason(sleeper.vcpu(), PauseReason::blocked);
    cpu.run_for(100 * ms);
    EXPECT_EQ(&cpu.settle(), &busy.vcpu());
    sched::wake(sleeper.vcpu());
    Time const woken = world.machine().time;
    while (&cpu.settle() != &sleeper.vcpu()) {
        ASSERT_LT(world.machine().time, woken + 2 * ms);
        cpu.run_for(ms / 10);
    }
}

// An event is answered within 2 ms, whatever the neighbour weighs and however long the guest has slept.
TEST_F(Scheduler, EveryEventIsAnsweredSoon) {
    std::mt19937 random{3};
    auto below = [&](Time limit) { return random() % limit; };
    Guest& sleeper = add();
    Guest& busy = add();
    Time worst = 0;
    for (u32 weight : {64u, 128u, 256u, 512u, 1024u}) {
        busy.domain().scheduler_weight = weight;
        for (u32 event = 0; event < 500; ++event) {
            sched::set_reason(sleeper.vcpu(), PauseReason::blocked);
            cpu.run_for(1 * ms + below(30 * ms));
            Time const woken = world.machine().time;
            sched::wake(sleeper.vcpu());
            while (&cpu.settle() != &sleeper.vcpu()) cpu.run_for(ms / 50);
            worst = std::max(worst, world.machine().time - woken);
            cpu.run_for(below(ms / 4));
        }
    }
    EXPECT_LE(worst, 2 * ms);
}

// Time that nobody else wanted is no debt: who had the CPU alone is not put behind one that comes later.
TEST_F(Scheduler, RunningAloneCostsNothingLater) {
    Guest& alone = add();
    Guest& late = add();
    sched::set_reason(late.vcpu(), PauseReason::blocked);
    cpu.run_for(100'000 * ms);
    sched::set_reason(alone.vcpu(), PauseReason::blocked);
    EXPECT_TRUE(cpu.settle().is_idle());
    sched::wake(late.vcpu());
    cpu.run_for(5 * ms);
    Time const before = run_time(alone);
    sched::wake(alone.vcpu());
    cpu.run_for(1000 * ms);
    EXPECT_NEAR(static_cast<double>(run_time(alone) - before), 500.0 * ms, 20.0 * ms);
}

TEST_F(Scheduler, SleepingDoesNotSaveUpMoreThanASlice) {
    Guest& busy = add();
    Guest& sleeper = add();
    sched::set_reason(sleeper.vcpu(), PauseReason::blocked);
    cpu.run_for(10'000 * ms);
    sched::wake(sleeper.vcpu());
    Time const before = run_time(busy);
    cpu.run_for(100 * ms);
    EXPECT_GT(run_time(busy) - before, 40 * ms);
}

TEST_F(Scheduler, TwoThatWakeEachOtherDoNotStarveAThird) {
    Guest& a = add();
    Guest& b = add();
    Guest& third = add();
    for (u32 i = 0; i < 2000; ++i) {
        Vcpu& running = cpu.settle();
        Vcpu* const other = &running == &a.vcpu() ? &b.vcpu() : &running == &b.vcpu() ? &a.vcpu() : nullptr;
        if (other) {
            sched::wake(*other);
            sched::set_reason(running, PauseReason::blocked);
        }
        cpu.run_for(ms);
    }
    EXPECT_GT(run_time(third), 500 * ms);
}

TEST_F(Scheduler, APausedDomainStopsAndGoesOn) {
    Guest& guest = add();
    EXPECT_EQ(&cpu.settle(), &guest.vcpu());
    pause_domain(guest.domain());
    pause_vcpu(guest.vcpu());
    EXPECT_TRUE(cpu.settle().is_idle());
    unpause_domain(guest.domain());
    EXPECT_TRUE(cpu.settle().is_idle());
    unpause_vcpu(guest.vcpu());
    EXPECT_EQ(&cpu.settle(), &guest.vcpu());
}

TEST_F(Scheduler, YieldLetsTheOtherGoFirst) {
    add();
    add();
    Vcpu& first = cpu.settle();
    sched::yield(first);
    EXPECT_NE(&cpu.settle(), &first);
}

TEST_F(Scheduler, AnIdleCpuTakesWhatWaitsElsewhere) {
    Guest& a = add();
    Guest& b = add();
    Vcpu& first = cpu.settle();
    Vcpu& waiting = &first == &a.vcpu() ? b.vcpu() : a.vcpu();
    CpuMask both;
    both.set(0);
    both.set(1);
    waiting.hard_affinity = both;
    SimulatedCpu other{world, 1};
    sched::request_resched(1);
    EXPECT_EQ(&other.settle(), &waiting);
    EXPECT_EQ(waiting.cpu, 1u);
}

TEST_F(Scheduler, AVcpuBannedFromItsCpuMovesAway) {
    Guest& guest = add();
    EXPECT_EQ(&cpu.settle(), &guest.vcpu());
    pin_to(guest.vcpu(), 2);
    EXPECT_TRUE(cpu.settle().is_idle());
    SimulatedCpu other{world, 2};
    EXPECT_EQ(&other.settle(), &guest.vcpu());
}

TEST_F(Scheduler, RunstatesAddUpToTheTimeThatPassed) {
    Guest& a = add();
    add();
    Time const start = world.machine().time;
    abi::VcpuRunstateInfo const before = sched::runstate_of(a.vcpu());
    cpu.run_for(50 * ms);
    sched::set_reason(a.vcpu(), PauseReason::blocked);
    cpu.run_for(50 * ms);
    abi::VcpuRunstateInfo const after = sched::runstate_of(a.vcpu());
    u64 sum = 0;
    for (u32 i = 0; i < 4; ++i) sum += after.time[i] - before.time[i];
    EXPECT_EQ(sum, world.machine().time - start);
    EXPECT_EQ(after.state, abi::runstate::blocked);
}

// Whoever asks may do so on a CPU whose clock is a little behind that of the one where the vCPU began to run.
TEST_F(Scheduler, ATimeThatIsAskedForBeforeItBeganIsNone) {
    Guest& guest = add();
    world.machine().time += ms;
    EXPECT_EQ(&cpu.settle(), &guest.vcpu());
    Time const before = run_time(guest);
    guest.vcpu().runstate.state_entry_time += 5;
    EXPECT_EQ(run_time(guest), before);
}
}  // namespace
}  // namespace hosted
