// SPDX-License-Identifier: MIT
#include "public/sched.hpp"

#include <vector>

#include "tests/unit/hypervisor/core/event/event_guest.hpp"
#include "tests/unit/hypervisor/core/sched/simulated_cpu.hpp"

namespace hosted {
namespace {
i64 sched_op(Guest& guest, u32 command, auto const& op, u32 vcpu = 0) {
    return guest.call(abi::hypercall::sched_op, {command, guest.put(op)}, vcpu);
}
bool is_polling(Guest& guest, u32 vcpu = 0) { return guest.vcpu(vcpu).pause_reasons & PauseReason::polling; }
bool is_blocked(Guest& guest, u32 vcpu = 0) { return guest.vcpu(vcpu).pause_reasons & PauseReason::blocked; }

abi::SchedPoll poll_one(Guest& guest, EvtchnPort port, Time timeout = 0) {
    return {.ports = {guest.put(port, 512)}, .nr_ports = 1, .pad = 0, .timeout = timeout};
}

TEST(SchedOp, BlockUnmasksEventsAndWaits) {
    World world;
    Guest& guest = world.add_guest();
    guest.vcpu().info->evtchn_upcall_mask = 1;
    EXPECT_EQ(guest.call(abi::hypercall::sched_op, {abi::schedop::block, 0}), 0);
    EXPECT_EQ(guest.vcpu().info->evtchn_upcall_mask, 0);
    EXPECT_TRUE(is_blocked(guest));
    EXPECT_EQ(send(guest, bind_ipi(guest, 0)), 0);
    EXPECT_FALSE(is_blocked(guest));
}

TEST(SchedOp, BlockWithAnEventPendingDoesNotWait) {
    World world;
    Guest& guest = world.add_guest();
    guest.vcpu().info->evtchn_upcall_mask = 1;
    EXPECT_EQ(send(guest, bind_ipi(guest, 0)), 0);
    EXPECT_EQ(guest.call(abi::hypercall::sched_op, {abi::schedop::block, 0}), 0);
    EXPECT_FALSE(is_blocked(guest));
}

// Nobody would wake it: an NMI that is on its way is not sent again.
TEST(SchedOp, WithAnNmiOnItsWayAVcpuDoesNotWait) {
    World world;
    Guest& guest = world.add_guest(64, 2);
    sched::send_nmi(guest.vcpu());
    EXPECT_EQ(guest.call(abi::hypercall::sched_op, {abi::schedop::block, 0}), 0);
    EXPECT_FALSE(is_blocked(guest));
    EXPECT_EQ(sched_op(guest, abi::schedop::poll, poll_one(guest, bind_ipi(guest, 0))), 0);
    EXPECT_FALSE(is_polling(guest));
    EXPECT_TRUE(guest.vcpu().nmi_pending);
}

TEST(SchedOp, PollWaitsForItsPortAlthoughItIsMasked) {
    World world;
    Guest& guest = world.add_guest(64, 2);
    EvtchnPort const port = bind_ipi(guest, 0);
    mask(guest, port);
    EXPECT_EQ(sched_op(guest, abi::schedop::poll, poll_one(guest, port)), 0);
    EXPECT_TRUE(is_polling(guest));
    abi::EvtchnSend op{.port = port};
    EXPECT_EQ(guest.call(abi::hypercall::event_channel_op, {abi::evtchnop::send, guest.put(op)}, 1), 0);
    EXPECT_FALSE(is_polling(guest));
    EXPECT_TRUE(pending(guest, port)) << "polling does not consume the event";
}

TEST(SchedOp, AWatchdogThatIsNotFedEndsTheDomain) {
    constexpr Time second = 1'000'000'000;
    World world;
    Guest& guest = world.add_guest();
    EXPECT_EQ(sched_op(guest, abi::schedop::watchdog, abi::SchedWatchdog{.id = 0, .timeout = 2}), 1);
    EXPECT_EQ(sched_op(guest, abi::schedop::watchdog, abi::SchedWatchdog{.id = 0, .timeout = 3}), 2);
    EXPECT_EQ(sched_op(guest, abi::schedop::watchdog, abi::SchedWatchdog{.id = 0, .timeout = 3}), err(Errno::nospc));
    EXPECT_EQ(sched_op(guest, abi::schedop::watchdog, abi::SchedWatchdog{.id = 2, .timeout = 0}), 0);
    world.machine().time += second;
    run_expired_timers();
    EXPECT_EQ(sched_op(guest, abi::schedop::watchdog, abi::SchedWatchdog{.id = 1, .timeout = 2}), 0);
    world.machine().time += second + second / 2;
    run_expired_timers();
    EXPECT_FALSE(guest.domain().shut_down);
    world.machine().time += second;
    run_expired_timers();
    EXPECT_TRUE(guest.domain().shut_down);
    EXPECT_EQ(guest.domain().shutdown_code, static_cast<u32>(abi::ShutdownReason::watchdog));
}

TEST(SchedOp, PollOfAPendingPortReturnsAtOnce) {
    World world;
    Guest& guest = world.add_guest();
    EvtchnPort const port = bind_ipi(guest, 0);
    mask(guest, port);
    EXPECT_EQ(send(guest, port), 0);
    EXPECT_EQ(sched_op(guest, abi::schedop::poll, poll_one(guest, port)), 0);
    EXPECT_FALSE(is_polling(guest));
}

TEST(SchedOp, PollEndsAtItsTimeout) {
    World world;
    Guest& guest = world.add_guest();
    EvtchnPort const port = bind_ipi(guest, 0);
    Time const deadline = world.machine().time + 5000;
    EXPECT_EQ(sched_op(guest, abi::schedop::poll, poll_one(guest, port, deadline)), 0);
    EXPECT_TRUE(is_polling(guest));
    world.machine().time = deadline;
    run_expired_timers();
    EXPECT_FALSE(is_polling(guest));
}

TEST(SchedOp, PollChecksItsArguments) {
    World world;
    Guest& guest = world.add_guest();
    abi::SchedPoll op{.ports = {0}, .nr_ports = abi::schedop::max_poll_ports + 1, .pad = 0, .timeout = 0};
    EXPECT_EQ(sched_op(guest, abi::schedop::poll, op), err(Errno::inval));
    op.nr_ports = 1;
    EXPECT_EQ(sched_op(guest, abi::schedop::poll, op), err(Errno::fault));
    op.nr_ports = 2;
    EXPECT_EQ(sched_op(guest, abi::schedop::poll, op), err(Errno::fault));
    EXPECT_FALSE(is_polling(guest));
    EXPECT_EQ(sched_op(guest, abi::schedop::poll, poll_one(guest, EvtchnPort{4000})), err(Errno::inval));
    EXPECT_FALSE(is_polling(guest));
}

TEST(SchedOp, ShutdownStopsAllVcpusAndKeepsTheReason) {
    World world;
    Guest& guest = world.add_guest(64, 2);
    abi::SchedShutdown op{.reason = 9};
    EXPECT_EQ(sched_op(guest, abi::schedop::shutdown, op), err(Errno::inval));
    op.reason = 1;
    EXPECT_EQ(sched_op(guest, abi::schedop::shutdown, op), 0);
    EXPECT_TRUE(guest.domain().shut_down);
    EXPECT_EQ(guest.domain().shutdown_code, 1u);
    EXPECT_FALSE(sched::is_runnable(guest.vcpu(0)));
    EXPECT_FALSE(sched::is_runnable(guest.vcpu(1)));
}

// (command, reason), and nothing newer.
TEST(SchedOp, TheFirstVersionHasItsReasonInARegister) {
    World world;
    Guest& guest = world.add_guest();
    auto old_call = [&](u32 command, u64 argument) {
        return guest.call(abi::hypercall::sched_op_compat, {command, argument});
    };
    EXPECT_EQ(old_call(abi::schedop::poll, 0), err(Errno::nosys));
    EXPECT_EQ(old_call(abi::schedop::shutdown, abi::max_shutdown_reason + 1), err(Errno::inval));
    EXPECT_EQ(old_call(abi::schedop::shutdown, u64{1} << 32), err(Errno::inval));
    EXPECT_FALSE(guest.domain().shut_down);
    EXPECT_EQ(old_call(abi::schedop::shutdown, 3), 0);
    EXPECT_TRUE(guest.domain().shut_down);
    EXPECT_EQ(guest.domain().shutdown_code, 3u);
}

TEST(SchedOp, OnlyDom0ShutsOthersDown) {
    World world;
    Guest& guest = world.add_guest();
    Guest& other = world.add_guest();
    abi::SchedRemoteShutdown op{.domain_id = other.id(), .pad = 0, .reason = 3};
    EXPECT_EQ(sched_op(guest, abi::schedop::remote_shutdown, op), err(Errno::perm));
    EXPECT_FALSE(other.domain().shut_down);
    EXPECT_EQ(sched_op(world.dom0(), abi::schedop::remote_shutdown, op), 0);
    EXPECT_TRUE(other.domain().shut_down);
    op.domain_id = Domid{77};
    EXPECT_EQ(sched_op(world.dom0(), abi::schedop::remote_shutdown, op), err(Errno::srch));
}

TEST(SchedOp, Dom0sShutdownIsTheMachines) {
    World world;
    abi::SchedShutdown op{.reason = 0};
    try {
        sched_op(world.dom0(), abi::schedop::shutdown, op);
        ADD_FAILURE() << "still running";
    } catch (PowerEvent const& event) { EXPECT_EQ(event.kind, PowerEvent::Kind::power_off); }
}

std::vector<CpuId> allowed_cpus(Vcpu const& vcpu) {
    std::vector<CpuId> cpus;
    for (CpuId cpu = 0; cpu < max_cpus; ++cpu)
        if (vcpu.hard_affinity.test(cpu)) cpus.push_back(cpu);
    return cpus;
}

i64 pin(Guest& guest, i32 cpu) { return sched_op(guest, abi::schedop::pin_override, abi::SchedPinOverride{cpu}); }

TEST(SchedOp, OnlyDom0PinsItself) {
    World world;
    EXPECT_EQ(pin(world.add_guest(), 0), err(Errno::perm));
    EXPECT_EQ(world.dom0().call(abi::hypercall::sched_op, {abi::schedop::pin_override, 0}), err(Errno::fault));
}

TEST(SchedOp, APinnedVcpuStaysUntilItIsFreed) {
    World world;
    Guest& dom0 = world.dom0();
    Vcpu& vcpu = dom0.vcpu();
    CpuMask two, three;
    for (CpuId cpu : {1u, 3u}) two.set(cpu);
    for (CpuId cpu : {0u, 1u, 3u}) three.set(cpu);
    ASSERT_TRUE(sched::set_affinity(vcpu, two, three));
    EXPECT_EQ(pin(dom0, 2), 0) << "beyond its affinity";
    EXPECT_EQ(allowed_cpus(vcpu), std::vector<CpuId>{2});
    EXPECT_EQ(pin(dom0, 2), 0) << "once more";
    EXPECT_EQ(pin(dom0, 1), err(Errno::busy));
    EXPECT_EQ(sched::set_affinity(vcpu, three, two).error(), Errno::busy);
    EXPECT_EQ(pin(dom0, 4), err(Errno::inval)) << "the machine has four";
    EXPECT_EQ(pin(dom0, 0x7fffffff), err(Errno::inval));
    EXPECT_EQ(allowed_cpus(vcpu), std::vector<CpuId>{2});
    EXPECT_EQ(pin(dom0, -1), 0);
    EXPECT_EQ(allowed_cpus(vcpu), (std::vector<CpuId>{1, 3}));
    EXPECT_EQ(pin(dom0, -1), err(Errno::inval)) << "it is free";
}

TEST(SchedOp, UnknownOnesDoNotExist) {
    World world;
    EXPECT_EQ(world.dom0().call(abi::hypercall::sched_op, {99, 0}), err(Errno::nosys));
}
}  // namespace
}  // namespace hosted
