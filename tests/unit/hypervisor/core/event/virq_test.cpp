// SPDX-License-Identifier: MIT
#include "core/event/virq.hpp"
#include "core/event/channels.hpp"
#include "event_guest.hpp"

namespace hosted {
namespace {
TEST(Virq, EachVcpuHasItsOwnTimer) {
    World world;
    Guest& guest = world.add_guest(64, 2);
    EvtchnPort first{}, second{};
    ASSERT_EQ(bind_virq(guest, abi::virq::timer, 0, &first), 0);
    ASSERT_EQ(bind_virq(guest, abi::virq::timer, 1, &second), 0);
    send_virq(guest.vcpu(1), abi::virq::timer);
    EXPECT_FALSE(pending(guest, first));
    EXPECT_TRUE(pending(guest, second));
    EXPECT_TRUE(upcall_pending(guest, 1));
}

TEST(Virq, IsBoundOnceAndAgainAfterClosing) {
    World world;
    Guest& guest = world.add_guest();
    EvtchnPort const port = bind_timer(guest);
    EXPECT_EQ(bind_virq(guest, abi::virq::timer, 0), err(Errno::exist));
    EXPECT_EQ(close_port(guest, port), 0);
    send_virq(guest.vcpu(), abi::virq::timer);  // unbound: dropped
    EXPECT_FALSE(pending(guest, port));
    EXPECT_EQ(bind_virq(guest, abi::virq::timer, 0), 0);
}

TEST(Virq, NumbersAreChecked) {
    World world;
    Guest& guest = world.add_guest();
    EXPECT_EQ(bind_virq(guest, abi::virq::count, 0), err(Errno::inval));
    EXPECT_EQ(bind_virq(guest, ~0u, 0), err(Errno::inval));
    EXPECT_EQ(bind_virq(guest, abi::virq::dom_exc, 1), err(Errno::inval));  // global: vCPU 0 only
    EXPECT_EQ(bind_virq(guest, abi::virq::timer, 1), err(Errno::noent));
    EXPECT_EQ(bind_virq(guest, abi::virq::timer, ~0u), err(Errno::noent));
}

TEST(Virq, OnlyAGlobalOneMovesToAnotherVcpu) {
    World world;
    Guest& guest = world.add_guest(64, 2);
    EvtchnPort global{}, own{};
    ASSERT_EQ(bind_virq(guest, abi::virq::dom_exc, 0, &global), 0);
    ASSERT_EQ(bind_virq(guest, abi::virq::timer, 0, &own), 0);
    ASSERT_TRUE(set_virq_handler(guest.domain(), abi::virq::dom_exc));
    abi::EvtchnBindVcpu move{.port = own, .vcpu = VcpuId{1}};
    EXPECT_EQ(event_op(guest, abi::evtchnop::bind_vcpu, move), err(Errno::inval));
    move.port = global;
    EXPECT_EQ(event_op(guest, abi::evtchnop::bind_vcpu, move), 0);
    send_global_virq(abi::virq::dom_exc);
    EXPECT_TRUE(pending(guest, global));
    EXPECT_TRUE(upcall_pending(guest, 1));
    EXPECT_FALSE(upcall_pending(guest, 0));
}

TEST(Virq, AGuestCannotSendToAVirqPort) {
    World world;
    Guest& guest = world.add_guest();
    EvtchnPort const port = bind_timer(guest);
    EXPECT_EQ(send(guest, port), err(Errno::inval));
}

TEST(Virq, DomExcReachesDom0WhenAGuestShutsDownAndWhenItIsGone) {
    World world;
    EvtchnPort port{};
    ASSERT_EQ(bind_virq(world.dom0(), abi::virq::dom_exc, 0, &port), 0);
    Guest& guest = world.add_guest();
    shut_down_domain(guest.domain(), 0);
    EXPECT_TRUE(pending(world.dom0(), port));
    clear_pending(world.dom0(), port);
    world.destroy(guest);
    guest.drop();
    EXPECT_TRUE(pending(world.dom0(), port));
}

TEST(Virq, AnotherHandlerGetsAGlobalOneUntilItDies) {
    World world;
    Guest& handler = world.add_guest();
    EvtchnPort at_dom0{}, at_handler{};
    ASSERT_EQ(bind_virq(world.dom0(), abi::virq::dom_exc, 0, &at_dom0), 0);
    ASSERT_EQ(bind_virq(handler, abi::virq::dom_exc, 0, &at_handler), 0);
    ASSERT_TRUE(set_virq_handler(handler.domain(), abi::virq::dom_exc));
    send_global_virq(abi::virq::dom_exc);
    EXPECT_TRUE(pending(handler, at_handler));
    EXPECT_FALSE(pending(world.dom0(), at_dom0));
    world.destroy(handler);
    send_global_virq(abi::virq::dom_exc);
    EXPECT_TRUE(pending(world.dom0(), at_dom0));
    EXPECT_FALSE(set_virq_handler(world.dom0().domain(), abi::virq::timer));
}

TEST(Pirq, IsMappedBoundRaisedAndFinished) {
    World world;
    Guest& dom0 = world.dom0();
    abi::PhysdevMapPirq map = gsi_request(9);
    ASSERT_EQ(physdev(dom0, abi::physdevop::map_pirq, map), 0);
    EXPECT_EQ(map.pirq, 9);
    EXPECT_EQ(physdev(dom0, abi::physdevop::map_pirq, map), 0);  // again changes nothing
    abi::EvtchnBindPirq bind{.pirq = 9, .flags = abi::bind_pirq_will_share, .port = {}};
    ASSERT_EQ(event_op(dom0, abi::evtchnop::bind_pirq, bind), 0);
    abi::EvtchnBindPirq again{.pirq = 9, .flags = 0, .port = {}};
    EXPECT_EQ(event_op(dom0, abi::evtchnop::bind_pirq, again), err(Errno::exist));
    dom0.domain().events->raise_pirq(9);
    EXPECT_TRUE(pending(dom0, bind.port));
    EXPECT_TRUE(dom0.domain().events->pirqs().find(9)->needs_eoi);
    abi::PhysdevEoi eoi{.irq = 9};
    EXPECT_EQ(physdev(dom0, abi::physdevop::eoi, eoi), 0);
    EXPECT_FALSE(dom0.domain().events->pirqs().find(9)->needs_eoi);
    abi::PhysdevUnmapPirq unmap{.domid = abi::domid_self, .pad = 0, .pirq = 9};
    EXPECT_EQ(physdev(dom0, abi::physdevop::unmap_pirq, unmap), err(Errno::busy));
    EXPECT_EQ(close_port(dom0, bind.port), 0);
    EXPECT_EQ(physdev(dom0, abi::physdevop::unmap_pirq, unmap), 0);
}

TEST(Pirq, OnlyALevelNeedsAnEndAndHasOnePerInterrupt) {
    World world;
    Guest& dom0 = world.dom0();
    abi::PhysdevMapPirq map = gsi_request(10);
    ASSERT_EQ(physdev(dom0, abi::physdevop::map_pirq, map), 0);
    abi::PhysdevIrqStatusQuery query{.irq = 10, .flags = 7};
    ASSERT_EQ(physdev(dom0, abi::physdevop::irq_status_query, query), 0);
    EXPECT_EQ(query.flags, 0u);
    abi::PhysdevSetupGsi setup{.gsi = 10, .triggering = 1, .polarity = 1, .pad = 0};
    ASSERT_EQ(physdev(dom0, abi::physdevop::setup_gsi, setup), 0);
    ASSERT_EQ(physdev(dom0, abi::physdevop::irq_status_query, query), 0);
    EXPECT_EQ(query.flags, abi::irqstat::needs_eoi);
    abi::EvtchnBindPirq bind{.pirq = 10, .flags = 0, .port = {}};
    ASSERT_EQ(event_op(dom0, abi::evtchnop::bind_pirq, bind), 0);
    EXPECT_EQ(physdev(dom0, abi::physdevop::setup_gsi, setup), err(Errno::exist));
    DeviceIrq& irq = Machine::get().irqs[10];
    EXPECT_TRUE(irq.enabled);
    abi::PhysdevEoi eoi{.irq = 10};
    ASSERT_EQ(physdev(dom0, abi::physdevop::eoi, eoi), 0);
    EXPECT_EQ(irq.ends, 0u);  // there was no interrupt yet
    EXPECT_EQ(dom0.domain().events->raise_pirq(10), &dom0.vcpu());
    ASSERT_EQ(physdev(dom0, abi::physdevop::eoi, eoi), 0);
    ASSERT_EQ(physdev(dom0, abi::physdevop::eoi, eoi), 0);
    EXPECT_EQ(irq.ends, 1u);
    ASSERT_EQ(close_port(dom0, bind.port), 0);
    EXPECT_FALSE(irq.enabled);
    EXPECT_EQ(dom0.domain().events->raise_pirq(10), nullptr);
}

TEST(Pirq, IsWiredOnceAndTheHypervisorsNever) {
    World world;
    Guest& dom0 = world.dom0();
    for (i32 gsi : {10, static_cast<i32>(hosted::console_gsi)}) {
        abi::PhysdevMapPirq map = gsi_request(gsi);
        ASSERT_EQ(physdev(dom0, abi::physdevop::map_pirq, map), 0);
    }
    abi::PhysdevSetupGsi setup{.gsi = 10, .triggering = 1, .polarity = 1, .pad = 0};
    EXPECT_EQ(physdev(dom0, abi::physdevop::setup_gsi, setup), 0);
    setup.triggering = 0;
    EXPECT_EQ(physdev(dom0, abi::physdevop::setup_gsi, setup), err(Errno::exist));
    EXPECT_TRUE(Machine::get().irqs[10].level);
    setup.gsi = hosted::console_gsi;
    EXPECT_EQ(physdev(dom0, abi::physdevop::setup_gsi, setup), err(Errno::exist));
}

TEST(Pirq, APageShowsWhichNeedAnEnd) {
    World world;
    Guest& dom0 = world.dom0();
    constexpr u64 pfn = 20;
    auto const shown = [&](u32 pirq) { return (dom0.frame(pfn)[pirq / 64] >> pirq % 64 & 1) != 0; };
    for (i32 gsi : {10, 11}) {
        abi::PhysdevMapPirq map = gsi_request(gsi);
        ASSERT_EQ(physdev(dom0, abi::physdevop::map_pirq, map), 0);
    }
    abi::PhysdevSetupGsi setup{.gsi = 10, .triggering = 1, .polarity = 1, .pad = 0};
    ASSERT_EQ(physdev(dom0, abi::physdevop::setup_gsi, setup), 0);
    abi::EvtchnBindPirq level{.pirq = 10, .flags = 0, .port = {}}, edge{.pirq = 11, .flags = 0, .port = {}};
    ASSERT_EQ(event_op(dom0, abi::evtchnop::bind_pirq, level), 0);
    EXPECT_FALSE(shown(10));
    abi::PhysdevPirqEoiGmfn wrong{.gmfn = abi::Gfn{~u64{0}}};
    EXPECT_EQ(physdev(dom0, abi::physdevop::pirq_eoi_gmfn_v2, wrong), err(Errno::inval));
    wrong.gmfn.value = dom0.mfn(0).value;  // a page table
    EXPECT_EQ(physdev(dom0, abi::physdevop::pirq_eoi_gmfn_v2, wrong), err(Errno::inval));
    abi::PhysdevPirqEoiGmfn page{.gmfn = abi::Gfn{dom0.mfn(pfn).value}};
    ASSERT_EQ(physdev(dom0, abi::physdevop::pirq_eoi_gmfn_v2, page), 0);
    EXPECT_TRUE(shown(10));  // it was bound before
    EXPECT_EQ(physdev(dom0, abi::physdevop::pirq_eoi_gmfn_v1, page), err(Errno::busy));
    ASSERT_EQ(event_op(dom0, abi::evtchnop::bind_pirq, edge), 0);
    EXPECT_FALSE(shown(11));
    ASSERT_EQ(close_port(dom0, level.port), 0);
    EXPECT_FALSE(shown(10));
    ASSERT_EQ(event_op(dom0, abi::evtchnop::bind_pirq, level), 0);
    EXPECT_TRUE(shown(10));
    EXPECT_EQ(world.mismatches(), 0u);
}

// The first version of the call: the guest masks the port, and does not unmask it by itself.
TEST(Pirq, AnEndUnmasksThePortIfTheGuestWantsThat) {
    World world;
    Guest& dom0 = world.dom0();
    abi::PhysdevMapPirq map = gsi_request(10);
    ASSERT_EQ(physdev(dom0, abi::physdevop::map_pirq, map), 0);
    abi::PhysdevPirqEoiGmfn page{.gmfn = abi::Gfn{dom0.mfn(20).value}};
    ASSERT_EQ(physdev(dom0, abi::physdevop::pirq_eoi_gmfn_v1, page), 0);
    abi::EvtchnBindPirq bind{.pirq = 10, .flags = 0, .port = {}};
    ASSERT_EQ(event_op(dom0, abi::evtchnop::bind_pirq, bind), 0);
    mask(dom0, bind.port);
    abi::PhysdevEoi eoi{.irq = 10};
    ASSERT_EQ(physdev(dom0, abi::physdevop::eoi, eoi), 0);
    EXPECT_EQ(dom0.domain().shared_info->evtchn_mask[bind.port.value / 64] >> bind.port.value % 64 & 1, 0u);
}

TEST(Pirq, TheHypervisorsOwnInterruptCannotBeBound) {
    World world;
    abi::PhysdevMapPirq map = gsi_request(console_gsi);
    ASSERT_EQ(physdev(world.dom0(), abi::physdevop::map_pirq, map), 0);
    u32 const ports = world.dom0().domain().events->open_ports();
    abi::EvtchnBindPirq bind{.pirq = console_gsi, .flags = 0, .port = {}};
    EXPECT_EQ(event_op(world.dom0(), abi::evtchnop::bind_pirq, bind), err(Errno::busy));
    EXPECT_EQ(event_op(world.dom0(), abi::evtchnop::bind_pirq, bind), err(Errno::busy));
    EXPECT_EQ(world.dom0().domain().events->open_ports(), ports);
}

// All that is seen of a bind is seen after it can no longer fail.
TEST(Pirq, ABindThatFailsLeavesNoTrace) {
    World world;
    Guest& dom0 = world.dom0();
    constexpr u64 pfn = 20;
    abi::PhysdevMapPirq map = gsi_request(console_gsi);
    ASSERT_EQ(physdev(dom0, abi::physdevop::map_pirq, map), 0);
    abi::PhysdevPirqEoiGmfn page{.gmfn = abi::Gfn{dom0.mfn(pfn).value}};
    ASSERT_EQ(physdev(dom0, abi::physdevop::pirq_eoi_gmfn_v2, page), 0);
    dom0.frame(pfn)[0] = u64{1} << console_gsi;
    dom0.domain().events->pirqs().find(console_gsi)->needs_eoi = true;
    u64& pending = dom0.domain().shared_info->evtchn_pending[0];
    pending = ~u64{0};
    abi::EvtchnBindPirq bind{.pirq = console_gsi, .flags = 0, .port = {}};
    EXPECT_EQ(event_op(dom0, abi::evtchnop::bind_pirq, bind), err(Errno::busy));
    EXPECT_EQ(pending, ~u64{0});
    EXPECT_TRUE(dom0.domain().events->pirqs().find(console_gsi)->needs_eoi);
    EXPECT_EQ(dom0.frame(pfn)[0], u64{1} << console_gsi);
}

TEST(Pirq, MessagesGetNumbersAboveTheInputs) {
    World world;
    Guest& dom0 = world.dom0();
    abi::PhysdevMapPirq map{};
    map.domid = abi::domid_self;
    map.type = abi::map_pirq_type::msi_seg;
    map.index = map.pirq = -1;
    map.devfn = 8;
    ASSERT_EQ(physdev(dom0, abi::physdevop::map_pirq, map), 0);
    EXPECT_GE(map.pirq, 24);
    abi::PhysdevUnmapPirq unmap{.domid = abi::domid_self, .pad = 0, .pirq = map.pirq};
    EXPECT_EQ(physdev(dom0, abi::physdevop::unmap_pirq, unmap), 0);
    map.pirq = -1;
    map.bus = 1 << 16;  // another segment
    EXPECT_EQ(physdev(dom0, abi::physdevop::map_pirq, map), err(Errno::nodev));
    map.type = abi::map_pirq_type::msi;
    EXPECT_EQ(physdev(dom0, abi::physdevop::map_pirq, map), err(Errno::inval));
    map.bus = 0;
    map.devfn = 256;
    EXPECT_EQ(physdev(dom0, abi::physdevop::map_pirq, map), err(Errno::inval));
    map.devfn = 8;
    map.type = abi::map_pirq_type::multi_msi;
    EXPECT_EQ(physdev(dom0, abi::physdevop::map_pirq, map), err(Errno::opnotsupp));
    abi::PhysdevPciDevice device{.seg = 0, .bus = 0, .devfn = 8};
    EXPECT_EQ(physdev(dom0, abi::physdevop::restore_msi_ext, device), 0);
    EXPECT_EQ(Machine::get().restored_device, 8);
}

TEST(Pirq, IsDom0sBusinessOnly) {
    World world;
    Guest& guest = world.add_guest();
    abi::PhysdevMapPirq map = gsi_request(9);
    EXPECT_EQ(physdev(guest, abi::physdevop::map_pirq, map), err(Errno::perm));
    abi::EvtchnBindPirq bind{.pirq = 9, .flags = 0, .port = {}};
    EXPECT_EQ(event_op(guest, abi::evtchnop::bind_pirq, bind), err(Errno::perm));
    map.index = map.pirq = 0;  // the hypervisor's timer
    EXPECT_EQ(physdev(world.dom0(), abi::physdevop::map_pirq, map), err(Errno::inval));
    map.index = map.pirq = 4000;
    EXPECT_EQ(physdev(world.dom0(), abi::physdevop::map_pirq, map), err(Errno::inval));
}

TEST(Physdev, EveryDomainMaySetItsVirtualIopl) {
    World world;
    Guest& guest = world.add_guest();
    abi::PhysdevSetIopl op{.iopl = 1};
    EXPECT_EQ(physdev(guest, abi::physdevop::set_iopl, op), 0);
    EXPECT_EQ(guest.vcpu().iopl, 1);
    op.iopl = 4;
    EXPECT_EQ(physdev(guest, abi::physdevop::set_iopl, op), err(Errno::inval));
}
}  // namespace
}  // namespace hosted
