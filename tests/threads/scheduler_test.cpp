// SPDX-License-Identifier: MIT
// Four threads are CPUs that run what the scheduler tells them, while all of them and one more wake, hold, move and
// pause vCPUs. A vCPU is never on two CPUs, never on one that it may not use, and none is lost.
#include <atomic>
#include <map>
#include <random>
#include <thread>
#include <vector>

#include "core/domain.hpp"
#include "core/hal/time.hpp"
#include "core/sched/scheduler.hpp"
#include "core/sched/timer.hpp"
#include "core/time/guest_time.hpp"
#include "hosted/world.hpp"

#include <gtest/gtest.h>

namespace hosted {
namespace {
constexpr u32 cpus = 4, rounds = 15'000, least_runs = 1'500;

struct Crowd {
    std::vector<Vcpu*> vcpus;
    std::map<Vcpu const*, std::atomic<i32>> place;  // the CPU it runs on, or -1
    std::atomic<u32> doubles{0}, runs{0};

    void enters(Vcpu const& vcpu, CpuId cpu) {
        if (vcpu.is_idle()) return;
        if (place.at(&vcpu).exchange(static_cast<i32>(cpu)) != -1) ++doubles;
        ++runs;
    }
    void leaves(Vcpu const& vcpu) {
        if (!vcpu.is_idle()) place.at(&vcpu) = -1;
    }
};

CpuMask any_cpus(std::mt19937& random) {
    CpuMask mask;
    mask.set(static_cast<u32>(random() % cpus));
    for (CpuId cpu = 0; cpu < cpus; ++cpu)
        if (random() % 2) mask.set(cpu);
    return mask;
}

void disturb(Crowd& crowd, std::mt19937& random) {
    Vcpu& vcpu = *crowd.vcpus[random() % crowd.vcpus.size()];
    switch (random() % 8) {
        case 0:
        case 1:
        case 2: return sched::wake(vcpu);
        case 3:
        case 4: return sched::set_reason(vcpu, PauseReason::blocked);
        case 5: return (void)sched::set_affinity(vcpu, any_cpus(random), any_cpus(random));
        case 6: return vcpu.singleshot_timer.arm(hal::now() + random() % 1000, static_cast<u32>(random() % cpus));
        default: (void)sched::runstate_of(vcpu);
    }
}

// What x86/entry does around the scheduler.
struct ThreadCpu {
    CpuId id;
    Vcpu* current = nullptr;

    void enter() const {
        Machine::cpu = id;
        Machine::current = current;
    }
    void settle(Crowd& crowd) {
        enter();
        run_expired_timers();
        while (sched::need_resched(id)) {
            Vcpu& next = sched::pick_next(id);
            Vcpu& previous = current ? *current : sched::idle_vcpu(id);
            if (&next == &previous) continue;
            current = &next;
            enter();
            crowd.leaves(previous);
            sched::switched_out(previous);
            crowd.enters(next, id);
            sched::switched_in(next);
            if (!next.is_idle()) guest_time::switched_in(next);
        }
    }
    void run(Crowd& crowd) {
        std::mt19937 random{id + 1};
        // Who runs when is the machine's business: more rounds if they made too little happen.
        for (u32 round = 0; round < rounds || (crowd.runs < least_runs && round < 100 * rounds); ++round) {
            settle(crowd);
            if (current && !current->is_idle() && random() % 4 == 0) sched::yield(*current);
            disturb(crowd, random);
        }
    }
};

// Dom0's tools, on a CPU that runs none of these vCPUs.
void pause_and_unpause(std::vector<Guest*> const& guests, std::atomic<bool> const& over) {
    Machine::cpu = cpus;
    std::mt19937 random{99};
    while (!over) {
        Guest& guest = *guests[random() % guests.size()];
        pause_domain(guest.domain());
        for (u32 i = 0; i < 2; ++i) EXPECT_FALSE(guest.vcpu(i).running.load()) << "it runs while it is paused";
        unpause_domain(guest.domain());
    }
}

TEST(Threads, SchedulingOfFourCpusAtOnceLosesNobody) {
    World world;
    sched::set_reason(world.dom0().vcpu(), PauseReason::blocked);
    Crowd crowd;
    std::vector<Guest*> guests;
    for (u32 i = 0; i < 3; ++i) {
        Guest& guest = *guests.emplace_back(&world.add_guest(64, 2));
        for (u32 index : {0u, 1u}) {
            crowd.vcpus.push_back(&guest.vcpu(index));
            crowd.place[&guest.vcpu(index)] = -1;
        }
        unpause_domain(guest.domain());
    }
    world.machine().recording = false;
    std::vector<ThreadCpu> processors;
    for (CpuId id = 0; id < cpus; ++id) processors.push_back({.id = id});
    std::atomic<u32> at_work{cpus};
    std::atomic<bool> tools_are_over{false}, over{false};
    std::vector<std::thread> threads;
    for (ThreadCpu& cpu : processors)
        threads.emplace_back([&] {
            cpu.run(crowd);
            for (--at_work; !over;) cpu.settle(crowd);  // others may wait for a vCPU to leave this one
        });
    std::thread tools{[&] { pause_and_unpause(guests, tools_are_over); }};
    while (at_work) std::this_thread::yield();
    tools_are_over = true;
    tools.join();  // while the CPUs go on: they let go of the vCPUs that it waits for
    over = true;
    for (std::thread& thread : threads) thread.join();

    EXPECT_EQ(crowd.doubles, 0u) << "a vCPU was on two CPUs";
    EXPECT_GE(crowd.runs, least_runs) << "too little happened to mean much";
    for (Vcpu* vcpu : crowd.vcpus) sched::wake(*vcpu);
    for (u32 round = 0; round < 3; ++round)
        for (ThreadCpu& cpu : processors) {
            sched::request_resched(cpu.id);
            cpu.settle(crowd);
            EXPECT_TRUE(!cpu.current || cpu.current->is_idle() || cpu.current->hard_affinity.test(cpu.id));
        }
    for (Vcpu* vcpu : crowd.vcpus) EXPECT_TRUE(vcpu->queued || crowd.place[vcpu] != -1) << "a vCPU is lost";
    for (Vcpu* vcpu : crowd.vcpus) sched::set_reason(*vcpu, PauseReason::blocked);
    for (ThreadCpu& cpu : processors) {
        cpu.settle(crowd);
        EXPECT_TRUE(!cpu.current || cpu.current->is_idle());
    }
    world.machine().recording = true;
    Machine::cpu = 0;
    Machine::current = nullptr;
}
}  // namespace
}  // namespace hosted
