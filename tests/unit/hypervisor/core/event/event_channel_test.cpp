// SPDX-License-Identifier: MIT
#include "core/event/channels.hpp"
#include "event_guest.hpp"

namespace hosted {
namespace {
TEST(EventChannel, PortsAreHandedOutLowestFreeFirst) {
    World world;
    Guest& guest = world.add_guest();
    EXPECT_EQ(alloc_unbound(guest, abi::dom0), EvtchnPort{1});
    EXPECT_EQ(alloc_unbound(guest, abi::dom0), EvtchnPort{2});
    EXPECT_EQ(alloc_unbound(guest, abi::dom0), EvtchnPort{3});
    EXPECT_EQ(close_port(guest, EvtchnPort{2}), 0);
    EXPECT_EQ(alloc_unbound(guest, abi::dom0), EvtchnPort{2});
    EXPECT_EQ(alloc_unbound(guest, abi::dom0), EvtchnPort{4});
}

TEST(EventChannel, SendToUnboundPortIsSilentlyDropped) {
    World world;
    Guest& guest = world.add_guest();
    EvtchnPort const port = alloc_unbound(guest, abi::dom0);
    EXPECT_EQ(send(guest, port), 0);
    EXPECT_FALSE(pending(guest, port));
}

TEST(EventChannel, SendReachesThePeerAndOnlyThePeer) {
    World world;
    Guest& guest = world.add_guest();
    auto const [ours, theirs] = connect(world, guest);
    clear_pending(world.dom0(), ours);

    EXPECT_EQ(send(world.dom0(), ours), 0);
    EXPECT_TRUE(pending(guest, theirs));
    EXPECT_TRUE(upcall_pending(guest));
    EXPECT_FALSE(pending(world.dom0(), ours));

    EXPECT_EQ(send(guest, theirs), 0);
    EXPECT_TRUE(pending(world.dom0(), ours));
}

TEST(EventChannel, BindingRaisesTheLocalPortOnce) {
    World world;
    Guest& guest = world.add_guest();
    auto const [ours, theirs] = connect(world, guest);
    EXPECT_TRUE(pending(world.dom0(), ours));
    EXPECT_FALSE(pending(guest, theirs));
}

TEST(EventChannel, OnlyTheDomainItIsReservedForMayBind) {
    World world;
    Guest& guest = world.add_guest();
    Guest& stranger = world.add_guest();
    EvtchnPort const port = alloc_unbound(guest, abi::dom0);
    EXPECT_EQ(bind_interdomain(stranger, guest.id(), port), err(Errno::inval));
    EXPECT_EQ(bind_interdomain(world.dom0(), guest.id(), EvtchnPort{77}), err(Errno::inval));
    EXPECT_EQ(bind_interdomain(world.dom0(), Domid{4711}, port), err(Errno::srch));
    EXPECT_EQ(bind_interdomain(world.dom0(), guest.id(), port), 0);
    EXPECT_EQ(bind_interdomain(world.dom0(), guest.id(), port), err(Errno::inval));  // taken
}

TEST(EventChannel, LoopbackWithinOneDomainWorks) {
    World world;
    Guest& dom0 = world.dom0();
    EvtchnPort const a = alloc_unbound(dom0, abi::domid_self);
    EvtchnPort b{};
    ASSERT_EQ(bind_interdomain(dom0, abi::domid_self, a, &b), 0);
    ASSERT_NE(a, b);
    EXPECT_EQ(send(dom0, b), 0);
    EXPECT_TRUE(pending(dom0, a));
    EXPECT_EQ(close_port(dom0, b), 0);
    EXPECT_EQ(status_of(dom0, a), abi::evtchnstat::unbound);
}

TEST(EventChannel, ClosingMakesThePeerUnboundAndBindableAgain) {
    World world;
    Guest& guest = world.add_guest();
    auto const [ours, theirs] = connect(world, guest);
    EXPECT_EQ(status_of(guest, theirs), abi::evtchnstat::interdomain);
    EXPECT_EQ(close_port(world.dom0(), ours), 0);
    EXPECT_EQ(status_of(guest, theirs), abi::evtchnstat::unbound);
    EXPECT_EQ(send(guest, theirs), 0);
    EXPECT_EQ(bind_interdomain(world.dom0(), guest.id(), theirs), 0);
}

TEST(EventChannel, AReusedPortStartsWithNothingPending) {
    World world;
    Guest& guest = world.add_guest();
    EvtchnPort const port = bind_ipi(guest, 0);
    EXPECT_EQ(send(guest, port), 0);
    EXPECT_TRUE(pending(guest, port));
    EXPECT_EQ(close_port(guest, port), 0);
    EXPECT_EQ(alloc_unbound(guest, abi::dom0), port);
    EXPECT_FALSE(pending(guest, port));
}

TEST(EventChannel, MaskedPortIsPendingButMakesNoUpcallUntilUnmasked) {
    World world;
    Guest& guest = world.add_guest();
    EvtchnPort const port = bind_ipi(guest, 0);
    mask(guest, port);
    EXPECT_EQ(send(guest, port), 0);
    EXPECT_TRUE(pending(guest, port));
    EXPECT_FALSE(upcall_pending(guest));
    EXPECT_EQ(unmask(guest, port), 0);
    EXPECT_TRUE(upcall_pending(guest));
    EXPECT_EQ(guest.vcpu().info->evtchn_pending_sel, u64{1} << (port.value / 64));
}

TEST(EventChannel, EventsGoToTheVcpuAPortIsBoundTo) {
    World world;
    Guest& guest = world.add_guest(64, 2);
    auto const [ours, theirs] = connect(world, guest);
    abi::EvtchnBindVcpu op{.port = theirs, .vcpu = VcpuId{1}};
    ASSERT_EQ(event_op(guest, abi::evtchnop::bind_vcpu, op), 0);
    EXPECT_EQ(send(world.dom0(), ours), 0);
    EXPECT_FALSE(upcall_pending(guest, 0));
    EXPECT_TRUE(upcall_pending(guest, 1));

    op = {.port = theirs, .vcpu = VcpuId{2}};
    EXPECT_EQ(event_op(guest, abi::evtchnop::bind_vcpu, op), err(Errno::noent));
    op = {.port = bind_ipi(guest, 0), .vcpu = VcpuId{1}};
    EXPECT_EQ(event_op(guest, abi::evtchnop::bind_vcpu, op), err(Errno::inval));  // an IPI's target is fixed
}

TEST(EventChannel, StatusTellsWhatAPortIsFor) {
    World world;
    Guest& dom0 = world.dom0();
    auto status = [&](EvtchnPort port) {
        abi::EvtchnStatus op{};
        op.dom = abi::domid_self;
        op.port = port;
        EXPECT_EQ(event_op(dom0, abi::evtchnop::status, op), 0);
        return op;
    };
    EvtchnPort const ipi = bind_ipi(dom0, 0);
    EvtchnPort virq{};
    ASSERT_EQ(bind_virq(dom0, abi::virq::dom_exc, 0, &virq), 0);
    abi::PhysdevMapPirq map = gsi_request(9);
    ASSERT_EQ(physdev(dom0, abi::physdevop::map_pirq, map), 0);
    abi::EvtchnBindPirq pirq{.pirq = 9, .flags = 0, .port = {}};
    ASSERT_EQ(event_op(dom0, abi::evtchnop::bind_pirq, pirq), 0);

    EXPECT_EQ(status(ipi).status, abi::evtchnstat::ipi);
    EXPECT_EQ(status(virq).status, abi::evtchnstat::virq);
    EXPECT_EQ(status(virq).u.virq.line, abi::virq::dom_exc);
    EXPECT_EQ(status(pirq.port).status, abi::evtchnstat::pirq);
    EXPECT_EQ(status(pirq.port).u.pirq.line, 9u);
}

// A builder connects ports before it makes the first vCPU.
TEST(EventChannel, AnEventWaitsForAVcpuThatIsNotThereYet) {
    World world;
    auto created = create_domain({.id = Domid{9}, .max_vcpus = 1});
    ASSERT_TRUE(created);
    Domain& domain = **created;
    abi::EvtchnAllocUnbound unbound{.dom = domain.id, .remote_dom = abi::dom0, .port = {}};
    ASSERT_EQ(event_op(world.dom0(), abi::evtchnop::alloc_unbound, unbound), 0);
    EvtchnPort ours{};
    ASSERT_EQ(bind_interdomain(world.dom0(), domain.id, unbound.port, &ours), 0);
    EXPECT_EQ(send(world.dom0(), ours), 0);
    EXPECT_EQ(domain.shared_info->evtchn_pending[0], u64{1} << unbound.port.value);
    EXPECT_EQ(domain.shared_info->vcpu_info[0].evtchn_upcall_pending, 1);
    EXPECT_EQ(domain.shared_info->vcpu_info[0].evtchn_pending_sel, 1u);
    while (!destroy_domain(domain)) {}
}

TEST(EventChannel, NumbersOutOfRangeAreRefused) {
    World world;
    Guest& guest = world.add_guest();
    for (u32 port : {0u, 9u, 4095u, 4096u, 1u << 31, ~0u}) {
        EXPECT_EQ(send(guest, EvtchnPort{port}), err(Errno::inval)) << port;
        EXPECT_EQ(close_port(guest, EvtchnPort{port}), err(Errno::inval)) << port;
        EXPECT_EQ(unmask(guest, EvtchnPort{port}), err(Errno::inval)) << port;
    }
}

TEST(EventChannel, AnUnboundPortInTheFirstBucketCanBeUnmasked) {
    World world;
    Guest& guest = world.add_guest();
    alloc_unbound(guest, abi::dom0);
    EXPECT_EQ(unmask(guest, EvtchnPort{9}), 0);
}

TEST(EventChannel, TheTableEndsWithNospc) {
    World world;
    Guest& guest = world.add_guest();
    for (u32 i = 1; i < abi::evtchn_2l_nr_channels; ++i) ASSERT_EQ(alloc_unbound(guest, abi::dom0), EvtchnPort{i});
    abi::EvtchnAllocUnbound op{.dom = abi::domid_self, .remote_dom = abi::dom0, .port = {}};
    EXPECT_EQ(event_op(guest, abi::evtchnop::alloc_unbound, op), err(Errno::nospc));
}

TEST(EventChannel, TheDomainsLimitOfPortsHolds) {
    World world;
    auto created = create_domain({.id = Domid{9}, .max_event_channels = 3});
    ASSERT_TRUE(created);
    EventChannels& events = *(*created)->events;
    for (u32 i = 1; i <= 3; ++i) EXPECT_TRUE(events.alloc_unbound(abi::dom0));
    EXPECT_EQ(events.alloc_unbound(abi::dom0).error(), Errno::nospc);
    while (!destroy_domain(**created)) {}
}

TEST(EventChannel, ToolsAllocatePortsForOthersAndGuestsMayNot) {
    World world;
    Guest& guest = world.add_guest();
    abi::EvtchnAllocUnbound op{.dom = guest.id(), .remote_dom = abi::dom0, .port = {}};
    EXPECT_EQ(event_op(world.dom0(), abi::evtchnop::alloc_unbound, op), 0);
    EXPECT_EQ(op.port, EvtchnPort{1});
    EXPECT_EQ(status_of(guest, EvtchnPort{1}), abi::evtchnstat::unbound);

    op = {.dom = abi::dom0, .remote_dom = guest.id(), .port = {}};
    EXPECT_EQ(event_op(guest, abi::evtchnop::alloc_unbound, op), err(Errno::perm));
}

TEST(EventChannel, ADyingDomainLeavesUnboundPeersAndNoPorts) {
    World world;
    Guest& guest = world.add_guest();
    auto const [ours, theirs] = connect(world, guest);
    u32 const before = world.dom0().domain().events->open_ports();
    world.destroy(guest);
    EXPECT_EQ(status_of(world.dom0(), ours), abi::evtchnstat::unbound);
    EXPECT_EQ(send(world.dom0(), ours), 0);
    EXPECT_EQ(world.dom0().domain().events->open_ports(), before);
}

TEST(EventChannel, ResetClosesEveryPort) {
    World world;
    Guest& guest = world.add_guest();
    bind_ipi(guest, 0);
    alloc_unbound(guest, abi::dom0);
    abi::EvtchnReset op{.dom = abi::domid_self};
    EXPECT_EQ(event_op(guest, abi::evtchnop::reset, op), 0);
    EXPECT_EQ(guest.domain().events->open_ports(), 0u);
}

TEST(EventChannel, ABadArgumentPointerIsAFault) {
    World world;
    EXPECT_EQ(world.dom0().call(abi::hypercall::event_channel_op, {abi::evtchnop::send, 0x1000}), err(Errno::fault));
    EXPECT_EQ(world.dom0().call(abi::hypercall::event_channel_op, {abi::evtchnop::send, 0xffff'8000'0000'0000}),
              err(Errno::fault));
}

// The answer has no place: no port is opened that the guest would not hear of.
TEST(EventChannel, NoPortIsOpenedThatNobodyIsToldOf) {
    World world;
    Guest& guest = world.add_guest();
    constexpr u64 pfn = 20;
    abi::EvtchnAllocUnbound const op{.dom = abi::domid_self, .remote_dom = abi::dom0, .port = {}};
    std::memcpy(guest.frame(pfn), &op, sizeof(op));
    ASSERT_EQ(guest.protect(pfn), 0);
    u32 const ports = guest.domain().events->open_ports();
    EXPECT_EQ(guest.call(abi::hypercall::event_channel_op, {abi::evtchnop::alloc_unbound, Guest::va(pfn)}),
              err(Errno::fault));
    EXPECT_EQ(guest.domain().events->open_ports(), ports);
}
}  // namespace
}  // namespace hosted
