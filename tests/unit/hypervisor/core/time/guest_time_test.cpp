// SPDX-License-Identifier: MIT
#include "core/time/guest_time.hpp"

#include "core/sched/timer.hpp"
#include "public/vcpu.hpp"
#include "tests/unit/hypervisor/core/event/event_guest.hpp"
#include "tests/unit/hypervisor/core/sched/simulated_cpu.hpp"

namespace hosted {
namespace {
constexpr Time ms = 1'000'000;

struct GuestTime : testing::Test {
    World world;
    SimulatedCpu cpu{world};
    Guest* guest = nullptr;

    void SetUp() override {
        sched::set_reason(world.dom0().vcpu(), PauseReason::blocked);
        guest = &world.add_guest();
        guest->domain().pause_count = 0;
        pin_to(guest->vcpu(), 0);
    }
    // What the guest computes, with the TSC at `tsc`.
    Time guest_now(u64 tsc) {
        abi::VcpuTimeInfo const& info = guest->vcpu().info->time;
        u64 delta = tsc - info.tsc_timestamp;
        delta = info.tsc_shift >= 0 ? delta << info.tsc_shift : delta >> -info.tsc_shift;
        return info.system_time +
               static_cast<u64>(static_cast<unsigned __int128>(delta) * info.tsc_to_system_mul >> 32);
    }
};

TEST_F(GuestTime, IsFilledWhenTheVcpuFirstRuns) {
    EXPECT_EQ(&cpu.settle(), &guest->vcpu());
    abi::VcpuTimeInfo const& info = guest->vcpu().info->time;
    EXPECT_NE(info.version, 0u);
    EXPECT_EQ(info.version % 2, 0u);
    EXPECT_EQ(guest_now(world.machine().time + 12345), world.machine().time + 12345);
    EXPECT_NE(guest->domain().shared_info->wc_sec, 0u);
}

TEST_F(GuestTime, IsRefreshedOnceASecondAndNeverGoesBack) {
    cpu.settle();
    u32 const version = guest->vcpu().info->time.version;
    Time last = 0;
    for (u32 i = 0; i < 30; ++i) {
        cpu.run_for(100 * ms);
        Time const now = guest_now(world.machine().time);
        EXPECT_GE(now, last);
        last = now;
    }
    EXPECT_GE(guest->vcpu().info->time.version, version + 4);
    EXPECT_LE(guest->vcpu().info->time.version, version + 8);
}

TEST_F(GuestTime, ClearingTheSharedPageBeforeTheStartDoesNoHarm) {
    guest_time::initialise(guest->vcpu());
    *guest->domain().shared_info = {};
    cpu.settle();
    EXPECT_NE(guest->vcpu().info->time.tsc_to_system_mul, 0u);
    EXPECT_NE(guest->domain().shared_info->wc_sec, 0u);
}

TEST_F(GuestTime, RunstateAreaIsWrittenWhenTheVcpuIsSwitchedIn) {
    cpu.settle();
    abi::VcpuRegisterRunstateMemoryArea op{.addr = {Guest::va(10) + page_size - 16}};  // across two pages
    world.machine().current = &guest->vcpu();
    ASSERT_EQ(guest->call(abi::hypercall::vcpu_op, {abi::vcpuop::register_runstate_memory_area, 0, guest->put(op)}), 0);
    sched::set_reason(guest->vcpu(), PauseReason::blocked);
    cpu.run_for(5 * ms);
    sched::wake(guest->vcpu());
    cpu.run_for(1 * ms);
    abi::VcpuRunstateInfo info;
    std::memcpy(&info, reinterpret_cast<std::byte*>(guest->frame(10)) + page_size - 16, 16);
    std::memcpy(reinterpret_cast<std::byte*>(&info) + 16, guest->frame(11), sizeof(info) - 16);
    EXPECT_EQ(info.state, abi::runstate::running);
    EXPECT_EQ(info.time[abi::runstate::blocked], 5 * ms);
    EXPECT_EQ(info.state_entry_time & abi::runstate::update, 0u);
}

TEST_F(GuestTime, AnAreaThatIsNotMappedWritableIsLeftAlone) {
    cpu.settle();
    ASSERT_EQ(guest->protect(10), 0);
    guest->frame(10)[0] = 42;
    abi::VcpuRegisterRunstateMemoryArea op{.addr = {Guest::va(10)}};
    EXPECT_EQ(guest->call(abi::hypercall::vcpu_op, {abi::vcpuop::register_runstate_memory_area, 0, guest->put(op)}), 0);
    op.addr = {0xffff'8100'0000'0000};
    EXPECT_EQ(guest->call(abi::hypercall::vcpu_op, {abi::vcpuop::register_runstate_memory_area, 0, guest->put(op)}),
              err(Errno::fault));
    sched::set_reason(guest->vcpu(), PauseReason::blocked);
    cpu.run_for(5 * ms);
    sched::wake(guest->vcpu());
    cpu.run_for(1 * ms);
    EXPECT_EQ(guest->frame(10)[0], 42u);
    EXPECT_EQ(world.mismatches(), 0u);
}
}  // namespace
}  // namespace hosted
