// SPDX-License-Identifier: MIT
// Shares and caps on one to four CPUs, with a simulated clock.
#include "simulated_cpu.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <vector>

namespace hosted {
namespace {
constexpr Time ms = 1'000'000;
constexpr Time step = ms / 4;

class Shares : public testing::Test {
protected:
    World world;
    std::vector<std::unique_ptr<SimulatedCpu>> cpus;
    std::vector<Guest*> guests;

    void start(u32 count) {
        sched::set_reason(world.dom0().vcpu(), PauseReason::blocked);
        for (CpuId id = 0; id < count; ++id) {
            cpus.push_back(std::make_unique<SimulatedCpu>(world, id));
            sched::request_resched(id);
        }
        settle();
    }
    CpuMask all() const {
        CpuMask mask;
        for (CpuId id = 0; id < cpus.size(); ++id) mask.set(id);
        return mask;
    }
    Guest& add(u32 weight, u32 cap = 0, u32 vcpus = 1) {
        Guest& guest = world.add_guest(64, vcpus);
        guest.domain().scheduler_weight = weight;
        guest.domain().scheduler_cap = cap;
        for (u32 i = 0; i < vcpus; ++i) (void)sched::set_affinity(guest.vcpu(i), all(), all());
        unpause_domain(guest.domain());
        guests.push_back(&guest);
        return guest;
    }
    void settle() {
        for (int round = 0; round < 2; ++round)
            for (auto& cpu : cpus) cpu->settle();
    }
    void run_for(Time duration) {
        for (Time const end = world.machine().time + duration; world.machine().time < end;) {
            settle();
            world.machine().time += step;
        }
        settle();
    }
    static Time run_time(Guest& guest) {
        Time sum = 0;
        for (u32 i = 0; i < guest.domain().max_vcpus; ++i)
            sum += sched::runstate_of(guest.vcpu(i)).time[abi::runstate::running];
        return sum;
    }

    // A vCPU cannot use more than one CPU: the others share what the heavy ones cannot take.
    static std::vector<double> fair(std::vector<u32> const& weights, double count) {
        std::vector<double> share(weights.size(), -1);
        for (;;) {
            double sum = 0, left = count;
            for (usize i = 0; i < weights.size(); ++i)
                if (share[i] < 0) sum += weights[i];
                else left -= share[i];
            bool changed = false;
            for (usize i = 0; i < weights.size(); ++i)
                if (share[i] < 0 && weights[i] * left / sum >= 1) share[i] = 1, changed = true;
            if (changed) continue;
            for (usize i = 0; i < weights.size(); ++i)
                if (share[i] < 0) share[i] = weights[i] * left / sum;
            return share;
        }
    }
    void expect_fair(std::vector<u32> const& weights, u32 count) {
        start(count);
        for (u32 weight : weights) add(weight);
        std::vector<Time> before;
        for (Guest* guest : guests) before.push_back(run_time(*guest));
        run_for(10'000 * ms);
        std::vector<double> const expected = fair(weights, count);
        for (usize i = 0; i < guests.size(); ++i)
            EXPECT_NEAR(static_cast<double>(run_time(*guests[i]) - before[i]) / 1e10, expected[i], 0.02 * expected[i])
                << "weight " << weights[i] << " on " << count << " CPUs";
    }
};

TEST_F(Shares, EqualsOnOneCpu) { expect_fair({256, 256, 256}, 1); }
TEST_F(Shares, MixedOnOneCpu) { expect_fair({64, 256, 1024, 512}, 1); }
TEST_F(Shares, ThreeEqualsOnTwoCpus) { expect_fair({256, 256, 256}, 2); }
TEST_F(Shares, MixedOnTwoCpus) { expect_fair({128, 256, 512, 256, 100}, 2); }
TEST_F(Shares, OneTooHeavyOnTwoCpus) { expect_fair({2000, 256, 256, 128}, 2); }
TEST_F(Shares, SevenOnThreeCpus) { expect_fair({256, 512, 128, 300, 700, 256, 256}, 3); }
TEST_F(Shares, FiveEqualsOnFourCpus) { expect_fair({256, 256, 256, 256, 256}, 4); }
TEST_F(Shares, MixedOnFourCpus) { expect_fair({1000, 900, 100, 50, 256, 256, 400}, 4); }

TEST_F(Shares, ACapHoldsAndTheRestIsNotWasted) {
    for (u32 cap : {10u, 25u, 50u, 80u}) {
        SCOPED_TRACE(cap);
        if (cpus.empty()) start(1);
        Guest& capped = add(256, cap);
        Guest& free = add(256);
        Time const before = run_time(capped), free_before = run_time(free);
        run_for(10'000 * ms);
        double const expected = std::min(0.5, cap / 100.0);
        EXPECT_NEAR(static_cast<double>(run_time(capped) - before) / 1e10, expected, 0.02 * expected);
        EXPECT_NEAR(static_cast<double>(run_time(free) - free_before) / 1e10, 1 - expected, 0.02 * (1 - expected));
        for (Guest* guest : {&capped, &free}) sched::set_reason(guest->vcpu(), PauseReason::blocked);
        settle();
    }
}

TEST_F(Shares, ACapHoldsOnAnIdleMachine) {
    start(2);
    Guest& capped = add(256, 30);
    Time const before = run_time(capped);
    run_for(10'000 * ms);
    EXPECT_NEAR(static_cast<double>(run_time(capped) - before) / 1e10, 0.3, 0.02 * 0.3);
}

TEST_F(Shares, ACapIsOfAllVcpusTogether) {
    start(4);
    for (u32 cap : {20u, 50u, 150u}) {
        SCOPED_TRACE(cap);
        Guest& capped = add(256, cap, 2);
        Time const before = run_time(capped);
        run_for(10'000 * ms);
        EXPECT_NEAR(static_cast<double>(run_time(capped) - before) / 1e10, cap / 100.0, 0.02 * cap / 100);
        for (u32 i : {0u, 1u}) sched::set_reason(capped.vcpu(i), PauseReason::blocked);
        settle();
    }
}

// Any mix: weights from 64 to 1087, as many vCPUs and CPUs as chance gives.
TEST_F(Shares, RandomMixes) {
    std::mt19937 random{7};
    start(4);
    for (u32 mix = 0; mix < 12; ++mix) {
        u32 const count = 1 + static_cast<u32>(random() % 4);
        std::vector<u32> weights(count + 1 + random() % 5);
        CpuMask some;
        for (CpuId cpu = 0; cpu < count; ++cpu) some.set(cpu);
        std::vector<Time> before;
        for (u32& weight : weights) {
            weight = 64 + static_cast<u32>(random() % 1024);
            Guest& guest = add(weight);
            (void)sched::set_affinity(guest.vcpu(), some, some);
        }
        for (Guest* guest : guests) before.push_back(run_time(*guest));
        run_for(10'000 * ms);
        std::vector<double> const expected = fair(weights, count);
        for (usize i = 0; i < guests.size(); ++i) {
            EXPECT_NEAR(static_cast<double>(run_time(*guests[i]) - before[i]) / 1e10, expected[i], 0.02 * expected[i])
                << "mix " << mix << ", weight " << weights[i] << " on " << count << " CPUs";
            sched::set_reason(guests[i]->vcpu(), PauseReason::blocked);
        }
        guests.clear();
        settle();
    }
}

// Random weights, affinities, sleepers: each vCPU that wants to run does, and no CPU is idle that could run one.
TEST_F(Shares, NobodyStarves) {
    std::mt19937 random{1};
    auto below = [&](u32 limit) { return static_cast<u32>(random() % limit); };
    start(4);
    for (u32 i = 0; i < 6; ++i) add(256);
    for (u32 scenario = 0; scenario < 10'000; ++scenario) {
        std::vector<Time> before;
        std::vector<bool> wants;
        for (Guest* guest : guests) {
            guest->domain().scheduler_weight = 64 + below(1024);
            CpuMask mask;
            mask.set(below(4));
            for (CpuId cpu = 0; cpu < 4; ++cpu)
                if (below(3) == 0) mask.set(cpu);
            (void)sched::set_affinity(guest->vcpu(), mask, mask);
            wants.push_back(below(4) != 0);
            wants.back() ? sched::wake(guest->vcpu()) : sched::set_reason(guest->vcpu(), PauseReason::blocked);
            before.push_back(run_time(*guest));
        }
        Time const end = world.machine().time + 2000 * ms;
        auto all_have_run = [&] {
            for (usize i = 0; i < guests.size(); ++i)
                if (wants[i] && run_time(*guests[i]) == before[i]) return false;
            return true;
        };
        do {
            settle();
            world.machine().time += 4 * step;
            settle();
        } while (!all_have_run() && world.machine().time < end);
        ASSERT_TRUE(all_have_run()) << "scenario " << scenario;
    }
}
}  // namespace
}  // namespace hosted
