// SPDX-License-Identifier: MIT
#include "core/sched/timer.hpp"
#include "public/vcpu.hpp"
#include "tests/unit/hypervisor/core/event/event_guest.hpp"
#include "tests/unit/hypervisor/core/sched/simulated_cpu.hpp"

namespace hosted {
namespace {
namespace command = abi::vcpuop;

i64 vcpu_op(Guest& guest, u32 op, u32 vcpu, u64 arg = 0) {
    return guest.call(abi::hypercall::vcpu_op, {op, vcpu, arg});
}

i64 set_singleshot(Guest& guest, Time when, u32 flags = 0) {
    abi::VcpuSetSingleshotTimer timer{.timeout_abs_ns = when, .flags = flags, .pad = 0};
    return vcpu_op(guest, command::set_singleshot_timer, 0, guest.put(timer));
}

TEST(VcpuOp, IsUpCountsVcpusAndEndsWithAnError) {
    World world;
    Guest& guest = world.add_guest(64, 2);
    EXPECT_EQ(vcpu_op(guest, command::is_up, 0), 1);
    EXPECT_EQ(vcpu_op(guest, command::is_up, 1), 1);
    EXPECT_EQ(vcpu_op(guest, command::is_up, 2), err(Errno::noent));
    EXPECT_EQ(vcpu_op(guest, command::is_up, ~0u), err(Errno::noent));
}

TEST(VcpuOp, DownAndUpKeepTheContext) {
    World world;
    Guest& guest = world.add_guest(64, 2);
    guest.vcpu(1).regs.rip = 0x1234;
    EXPECT_EQ(vcpu_op(guest, command::down, 1), 0);
    EXPECT_EQ(vcpu_op(guest, command::is_up, 1), 0);
    EXPECT_EQ(vcpu_op(guest, command::up, 1), 0);
    EXPECT_EQ(vcpu_op(guest, command::is_up, 1), 1);
    EXPECT_EQ(guest.vcpu(1).regs.rip, 0x1234u);
}

TEST(VcpuOp, TheLastVcpuThatGoesDownPowersTheDomainOff) {
    World world;
    Guest& guest = world.add_guest();
    EXPECT_EQ(vcpu_op(guest, command::down, 0), 0);
    EXPECT_TRUE(guest.domain().shut_down);
    EXPECT_EQ(guest.domain().shutdown_code, 0u);
}

// However often: a vCPU cannot keep another's CPU busy with looking for them.
TEST(VcpuOp, AnNmiOnItsWayIsNotSentAgain) {
    World world;
    Guest& guest = world.add_guest(64, 2);
    Vcpu& other = guest.vcpu(1);
    other.cpu.store(1);
    other.running.store(true);
    world.machine().kicks.clear();
    EXPECT_EQ(vcpu_op(guest, command::send_nmi, 1), 0);
    EXPECT_EQ(vcpu_op(guest, command::send_nmi, 1), 0);
    EXPECT_TRUE(other.nmi_pending);
    EXPECT_EQ(world.machine().kicks, std::vector<u32>{1});
    EXPECT_EQ(vcpu_op(guest, command::send_nmi, 0), 0);
    EXPECT_EQ(world.machine().kicks, (std::vector<u32>{1, 0}));
    other.running.store(false);
}

TEST(VcpuOp, SingleshotTimerBecomesAnEvent) {
    World world;
    Guest& guest = world.add_guest();
    EvtchnPort const port = bind_timer(guest);
    EXPECT_EQ(set_singleshot(guest, world.machine().time + 1000), 0);
    world.machine().time += 999;
    run_expired_timers();
    EXPECT_FALSE(pending(guest, port));
    world.machine().time += 1;
    run_expired_timers();
    EXPECT_TRUE(pending(guest, port));
}

TEST(VcpuOp, ATimerInThePastFiresAtOnceUnlessTheGuestRefusesThat) {
    World world;
    Guest& guest = world.add_guest();
    EvtchnPort const port = bind_timer(guest);
    EXPECT_EQ(set_singleshot(guest, 1, abi::singleshot_timer_future), err(Errno::time));
    EXPECT_FALSE(pending(guest, port));
    EXPECT_EQ(set_singleshot(guest, 1), 0);
    EXPECT_TRUE(pending(guest, port));
}

TEST(VcpuOp, StoppedTimersDoNotFire) {
    World world;
    Guest& guest = world.add_guest();
    EvtchnPort const port = bind_timer(guest);
    abi::VcpuSetPeriodicTimer periodic{.period_ns = 2'000'000};
    EXPECT_EQ(vcpu_op(guest, command::set_periodic_timer, 0, guest.put(periodic)), 0);
    EXPECT_EQ(set_singleshot(guest, world.machine().time + 1000), 0);
    EXPECT_EQ(vcpu_op(guest, command::stop_periodic_timer, 0), 0);
    EXPECT_EQ(vcpu_op(guest, command::stop_singleshot_timer, 0), 0);
    world.machine().time += 10'000'000;
    run_expired_timers();
    EXPECT_FALSE(pending(guest, port));
}

TEST(VcpuOp, PeriodicTimerFiresAgainAndAgain) {
    World world;
    Guest& guest = world.add_guest();
    EvtchnPort const port = bind_timer(guest);
    abi::VcpuSetPeriodicTimer periodic{.period_ns = 999'999};
    EXPECT_EQ(vcpu_op(guest, command::set_periodic_timer, 0, guest.put(periodic)), err(Errno::inval));
    periodic.period_ns = 1'000'000;
    EXPECT_EQ(vcpu_op(guest, command::set_periodic_timer, 0, guest.put(periodic)), 0);
    for (u32 i = 0; i < 3; ++i) {
        world.machine().time += 1'000'000;
        run_expired_timers();
        EXPECT_TRUE(pending(guest, port)) << i;
        clear_pending(guest, port);
    }
}

TEST(VcpuOp, SingleshotTimersAreForOneselfOnly) {
    World world;
    Guest& guest = world.add_guest(64, 2);
    EXPECT_EQ(vcpu_op(guest, command::set_singleshot_timer, 1), err(Errno::inval));
    EXPECT_EQ(vcpu_op(guest, command::stop_singleshot_timer, 1), err(Errno::inval));
}

i64 register_info(Guest& guest, Mfn mfn, u32 offset, u32 vcpu = 0) {
    abi::RegisterVcpuInfo op{.mfn = mfn, .offset = offset, .rsvd = 0};
    return vcpu_op(guest, command::register_vcpu_info, vcpu, guest.put(op));
}

TEST(VcpuOp, RegisteredInfoTakesOverAndLosesNothing) {
    World world;
    Guest& guest = world.add_guest();
    guest.vcpu().info->arch.cr2 = 0xabcd;
    guest.vcpu().info->evtchn_upcall_mask = 1;
    ASSERT_EQ(register_info(guest, guest.mfn(8), 128), 0);
    auto* info = reinterpret_cast<abi::VcpuInfo*>(reinterpret_cast<std::byte*>(guest.frame(8)) + 128);
    EXPECT_EQ(guest.vcpu().info, info);
    EXPECT_EQ(info->arch.cr2, 0xabcdu);
    EXPECT_EQ(info->evtchn_upcall_mask, 1);
    EXPECT_EQ(info->evtchn_upcall_pending, 1);
    EXPECT_EQ(info->evtchn_pending_sel, ~u64{0});
    EXPECT_EQ(info->time.version % 2, 0u);
    EXPECT_NE(info->time.tsc_to_system_mul, 0u);
    EXPECT_EQ(register_info(guest, guest.mfn(9), 0), err(Errno::inval)) << "once per life";
    EXPECT_EQ(world.mismatches(), 0u);
}

TEST(VcpuOp, InfoMustLieInOnePageOfTheDomainsOwn) {
    World world;
    Guest& guest = world.add_guest();
    Guest& other = world.add_guest();
    EXPECT_EQ(register_info(guest, guest.mfn(8), 4033), err(Errno::nxio));
    EXPECT_EQ(register_info(guest, guest.mfn(8), 4040), err(Errno::nxio));
    EXPECT_EQ(register_info(guest, guest.mfn(8), 4), err(Errno::nxio));
    EXPECT_EQ(register_info(guest, other.mfn(8), 0), err(Errno::inval));
    EXPECT_EQ(register_info(guest, Mfn{1u << 30}, 0), err(Errno::inval));
    EXPECT_LT(register_info(guest, guest.mfn(0), 0), 0) << "a page table";
    EXPECT_EQ(guest.vcpu().info, &guest.domain().shared_info->vcpu_info[0]);
}

TEST(VcpuOp, InfoOfAnotherVcpuOnlyWhileItIsDown) {
    World world;
    Guest& guest = world.add_guest(64, 2);
    EXPECT_EQ(register_info(guest, guest.mfn(8), 0, 1), err(Errno::inval));
    EXPECT_EQ(vcpu_op(guest, command::down, 1), 0);
    EXPECT_EQ(register_info(guest, guest.mfn(8), 0, 1), 0);
}

TEST(VcpuOp, InitialiseNeedsAVcpuThatHasNoContext) {
    World world;
    Guest& guest = world.add_guest(64, 2);
    // A context lies across two pages; the guest's frames are contiguous in its own address space.
    u64 const at = Guest::va(20);
    EXPECT_EQ(vcpu_op(guest, command::initialise, 1, at), err(Errno::exist));
    EXPECT_EQ(vcpu_op(guest, command::initialise, 1, 0x1000), err(Errno::fault));
}
}  // namespace
}  // namespace hosted
