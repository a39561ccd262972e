// SPDX-License-Identifier: MIT
#include "core/event/channels.hpp"
#include "core/event/virq.hpp"
#include "core/grant/table.hpp"
#include "core/hypercall/dispatch.hpp"
#include "core/mm/page_alloc.hpp"
#include "public/event_channel.hpp"
#include "public/grant_table.hpp"
#include "public/memory.hpp"
#include "tests/unit/hypervisor/core/control/control_guest.hpp"

namespace hosted {
namespace {
namespace command = abi::domctl;

TEST(Domctl, IsForDom0AndForOneVersionOnly) {
    ToolWorld world;
    Guest& guest = world.add_guest();
    abi::Domctl op{};
    op.cmd = command::getdomaininfo;
    EXPECT_EQ(domctl(guest, op), err(Errno::perm));
    op.interface_version = 0x14;
    EXPECT_EQ(world.dom0().call(abi::hypercall::domctl, {world.dom0().put(op)}), err(Errno::acces));
    EXPECT_EQ(world.dom0().call(abi::hypercall::domctl, {0x1000}), err(Errno::fault));
    EXPECT_EQ(domctl(world, 999, guest.id()), err(Errno::nosys));
    EXPECT_EQ(domctl(world, command::pausedomain, Domid{999}), err(Errno::srch));
}

TEST(Domctl, ANewDomainIsPausedAndEmpty) {
    ToolWorld world;
    Domid const id = create(world);
    EXPECT_GE(id.value, 1);
    abi::DomctlGetdomaininfo const info = info_of(world, id);
    EXPECT_EQ(info.flags & abi::dominf::paused, abi::dominf::paused);
    EXPECT_EQ(info.flags & (abi::dominf::dying | abi::dominf::shutdown | abi::dominf::hvm_guest), 0u);
    EXPECT_EQ(info.tot_pages, 0u);
    EXPECT_EQ(info.max_pages, 0u);
    EXPECT_EQ(info.nr_online_vcpus, 0u);
    EXPECT_EQ(info.max_vcpu_id, 0u);
    EXPECT_EQ(info.handle.bytes[3], 4);
    EXPECT_NE(info.shared_info_frame.value, ~u64{0});
    EXPECT_EQ(domctl(world, command::destroydomain, id), 0);
}

TEST(Domctl, IdsAreGivenUpwardsAndTakenOnesRefused) {
    ToolWorld world;
    Domid const first = create(world);
    Domid const second = create(world);
    EXPECT_GT(second.value, first.value);
    EXPECT_EQ(domctl(world, command::destroydomain, first), 0);
    EXPECT_GT(create(world).value, second.value) << "not reused at once";
    abi::Domctl op = creation();
    op.domain = second;
    EXPECT_EQ(domctl(world.dom0(), op), err(Errno::exist));
}

// Guests guess the next id and ask for its ports and grants: there is no such domain until it has both.
// The answer has no place: nothing is done that its caller would not hear of.
TEST(Domctl, NoDomainIsMadeThatNobodyIsToldOf) {
    ToolWorld world;
    Guest& dom0 = world.dom0();
    constexpr u64 pfn = 20;
    abi::Domctl op = creation();
    op.interface_version = abi::domctl_interface_version;
    std::memcpy(dom0.frame(pfn), &op, sizeof(op));
    ASSERT_EQ(dom0.protect(pfn), 0);
    EXPECT_EQ(dom0.call(abi::hypercall::domctl, {Guest::va(pfn)}), err(Errno::fault));
    EXPECT_FALSE(find_domain_from(Domid{1}));
}

TEST(Domctl, ADomainIsNotFoundBeforeItIsComplete) {
    ToolWorld world;
    Guest& guest = world.add_guest();
    Domid const next = *next_free_domid();
    u32 without_ports = 0, without_grants = 0;
    world.machine().meanwhile = [&] {
        abi::EvtchnBindInterdomain const bind{.remote_dom = next, .pad = 0, .remote_port = {1}, .local_port = {0}};
        i64 const bound =
            guest.call(abi::hypercall::event_channel_op, {abi::evtchnop::bind_interdomain, guest.put(bind)});
        abi::GnttabMapGrantRef map{};
        map.flags = abi::gntmap::device_map;
        map.dom = next;
        EXPECT_EQ(guest.call(abi::hypercall::grant_table_op, {abi::gnttabop::map_grant_ref, guest.put(map), 1}), 0);
        i16 const mapped = guest.take<abi::GnttabMapGrantRef>().status;
        without_ports += bound == err(Errno::srch);
        without_grants += mapped == abi::gntst::bad_domain;
        EXPECT_TRUE(bound == err(Errno::srch) || bound == err(Errno::inval)) << bound;
        EXPECT_TRUE(mapped == abi::gntst::bad_domain || mapped == abi::gntst::bad_gntref) << mapped;
    };
    abi::Domctl op = creation();
    EXPECT_EQ(domctl(world.dom0(), op), 0);
    world.machine().meanwhile = {};
    EXPECT_GE(without_ports, 3u);
    EXPECT_GE(without_grants, 3u);
    EXPECT_TRUE(find_domain(next));
}

TEST(Domctl, CreationRefusesWhatWeCannotBe) {
    ToolWorld world;
    auto refused = [&](auto&& change) {
        abi::Domctl op = creation();
        change(op.u.createdomain);
        return domctl(world.dom0(), op) == err(Errno::inval);
    };
    EXPECT_TRUE(refused([](auto& config) { config.flags = abi::cdf::hvm; }));
    EXPECT_TRUE(refused([](auto& config) { config.flags = abi::cdf::iommu; }));
    EXPECT_TRUE(refused([](auto& config) { config.arch.emulation_flags = 1; }));
    EXPECT_TRUE(refused([](auto& config) { config.max_vcpus = 0; }));
    EXPECT_TRUE(refused([](auto& config) { config.max_vcpus = 129; }));
    EXPECT_TRUE(refused([](auto& config) { config.max_vcpus = ~0u; }));
    EXPECT_TRUE(refused([](auto& config) { config.grant_opts = 2; }));
    EXPECT_TRUE(refused([](auto& config) { config.max_grant_frames = 1 << 30; }));
    EXPECT_TRUE(refused([](auto& config) { config.max_grant_frames = most_grant_frames + 1; }));
    EXPECT_TRUE(refused([](auto& config) { config.max_maptrack_frames = most_maptrack_frames + 1; }));
    EXPECT_TRUE(refused([](auto& config) { config.max_grant_frames = 0; }));
    EXPECT_TRUE(refused([](auto& config) { config.cpupool_id = 3; }));
    EXPECT_TRUE(refused([](auto& config) { config.vmtrace_size = 4096; }));
}

// The number of a domain that is gone is another's, and what was left to the first one is not left to that.
TEST(Domctl, AVirqsHandlerIsNoOtherDomainOfItsNumber) {
    ToolWorld world;
    Domid const id = create(world);
    abi::Domctl op{};
    op.u.set_virq_handler.virq = abi::virq::con_ring;
    ASSERT_EQ(domctl(world, command::set_virq_handler, id, op), 0);
    ASSERT_EQ(domctl(world, command::destroydomain, id), 0);
    op = creation();
    op.domain = id;
    ASSERT_EQ(domctl(world.dom0(), op), 0);
    abi::Domctl max{};
    max.u.max_vcpus.max = 1;
    ASSERT_EQ(domctl(world, command::max_vcpus, id, max), 0);
    DomainRef const next = *find_domain(id);
    EvtchnPort const theirs = *next->events->bind_virq(abi::virq::con_ring, VcpuId{0});
    EvtchnPort const dom0s = *world.dom0().domain().events->bind_virq(abi::virq::con_ring, VcpuId{0});
    send_global_virq(abi::virq::con_ring);
    EXPECT_FALSE(next->events->is_pending(theirs));
    EXPECT_TRUE(world.dom0().domain().events->is_pending(dom0s));
}

TEST(Domctl, PauseAndUnpauseAreOncePerController) {
    ToolWorld world;
    Domid const id = create(world);
    EXPECT_EQ(domctl(world, command::unpausedomain, id), 0);
    EXPECT_EQ(info_of(world, id).flags & abi::dominf::paused, 0u);
    EXPECT_EQ(domctl(world, command::unpausedomain, id), err(Errno::inval));
    EXPECT_EQ(domctl(world, command::pausedomain, id), 0);
    EXPECT_EQ(domctl(world, command::pausedomain, id), 0);
    EXPECT_EQ(info_of(world, id).flags & abi::dominf::paused, abi::dominf::paused);
    EXPECT_EQ(domctl(world, command::unpausedomain, id), 0);
    EXPECT_EQ(domctl(world, command::destroydomain, id), 0);
}

TEST(Domctl, Dom0CannotDoToItselfWhatWouldStopIt) {
    ToolWorld world;
    for (u32 op :
         {command::pausedomain, command::unpausedomain, command::destroydomain, command::resumedomain,
          command::setvcpucontext, command::getvcpucontext, command::set_ext_vcpucontext, command::get_ext_vcpucontext})
        EXPECT_EQ(domctl(world, op, abi::dom0), err(Errno::inval)) << op;
    EXPECT_EQ(domctl(world, command::destroydomain, abi::domid_self), err(Errno::inval));
}

// A domain's end comes in steps, and so may other calls about it: none falls into the middle of another one.
TEST(Domctl, OneAtATime) {
    ToolWorld world;
    Domid const id = create(world);
    Guest& dom0 = world.dom0();
    bool asked = false;
    world.machine().meanwhile = [&] {
        asked = true;
        HypercallArgs args{};
        args[0] = Guest::va(20);
        abi::Domctl op{};
        op.cmd = command::destroydomain;
        op.domain = id;
        op.interface_version = abi::domctl_interface_version;
        std::memcpy(dom0.frame(20), &op, sizeof(op));
        EXPECT_TRUE(do_domctl(dom0.vcpu(), args).is_again());
    };
    abi::Domctl op{};
    op.u.vcpucontext = {.vcpu = VcpuId{0}, .pad = 0, .ctxt = {Guest::va(22)}};
    EXPECT_NE(domctl(world, command::setvcpucontext, id, op), 0);
    world.machine().meanwhile = {};
    EXPECT_TRUE(asked);
    EXPECT_FALSE((*find_domain(id))->is_dying());
}

TEST(Domctl, GetDomainInfoFindsTheNextDomain) {
    ToolWorld world;
    Domid const id = create(world);
    abi::Domctl op{};
    EXPECT_EQ(domctl(world, command::getdomaininfo, Domid{1}, op), 0);
    EXPECT_EQ(op.domain, id);
    EXPECT_EQ(domctl(world, command::getdomaininfo, Domid{static_cast<u16>(id.value + 1)}, op), err(Errno::srch));
    EXPECT_EQ(domctl(world, command::destroydomain, id), 0);
}

TEST(Domctl, DestroyingLeavesNothingBehind) {
    ToolWorld world;
    // The object of a domain that is gone is kept for the next one: from the second on nothing is left.
    ASSERT_EQ(domctl(world, command::destroydomain, create(world, 4)), 0);
    u64 const free_before = free_frame_count();
    for (u32 preempt_after : {0u, 1u, 3u}) {
        Domid const id = create(world, 4);
        abi::Domctl op{};
        op.u.max_mem.max_memkb = 4096;
        EXPECT_EQ(domctl(world, command::max_mem, id, op), 0);
        {
            Result<DomainRef> domain = find_domain(id);
            ASSERT_TRUE(domain);
            for (u32 i = 0; i < 100; ++i) ASSERT_TRUE(alloc_domain_frames(**domain, 0));
        }
        EXPECT_EQ(info_of(world, id).tot_pages, 100u);
        world.machine().preempt_after = preempt_after;
        EXPECT_EQ(domctl(world, command::destroydomain, id), 0);
        world.machine().preempt_after = 0;
        abi::Domctl info{};
        EXPECT_EQ(domctl(world, command::getdomaininfo, id, info), err(Errno::srch));
        EXPECT_EQ(free_frame_count(), free_before);
        EXPECT_EQ(world.mismatches(), 0u);
    }
}

TEST(Domctl, MaxVcpusMustBeWhatCreationSaid) {
    ToolWorld world;
    abi::Domctl op = creation(2);
    ASSERT_EQ(domctl(world.dom0(), op), 0);
    Domid const id = op.domain;
    op.u.max_vcpus.max = 3;
    EXPECT_EQ(domctl(world, command::max_vcpus, id, op), err(Errno::inval));
    op.u.max_vcpus.max = 2;
    EXPECT_EQ(domctl(world, command::max_vcpus, id, op), 0);
    EXPECT_EQ(domctl(world, command::destroydomain, id), 0);
}

TEST(Domctl, MaxMemoryLimitsWhatTheDomainGets) {
    ToolWorld world;
    Domid const id = create(world);
    abi::Domctl op{};
    op.u.max_mem.max_memkb = 12;
    EXPECT_EQ(domctl(world, command::max_mem, id, op), 0);
    Result<DomainRef> domain = find_domain(id);
    for (u32 i = 0; i < 3; ++i) EXPECT_TRUE(alloc_domain_frames(**domain, 0));
    EXPECT_FALSE(alloc_domain_frames(**domain, 0));
}

TEST(Domctl, WeightAndCapAreSetAsCredit2Does) {
    ToolWorld world;
    Guest& guest = world.add_guest();
    abi::Domctl op{};
    auto share = [&](u32 sched_id, u32 cmd, abi::DomctlSchedCredit values) {
        op.u.scheduler_op = {.sched_id = sched_id, .cmd = cmd, .u = {}};
        op.u.scheduler_op.u.credit2 = values;
        return domctl(world, command::scheduler_op, guest.id(), op);
    };
    auto shown = [&](u16 weight, u16 cap) {
        EXPECT_EQ(share(abi::scheduler::credit2, abi::scheduler::getinfo, {}), 0);
        EXPECT_EQ(op.u.scheduler_op.u.credit2.weight, weight);
        EXPECT_EQ(op.u.scheduler_op.u.credit2.cap, cap);
    };
    shown(256, 0);
    EXPECT_EQ(share(abi::scheduler::credit2, abi::scheduler::putinfo, {.weight = 512, .cap = 0}), 0);
    shown(512, 0);
    EXPECT_EQ(share(abi::scheduler::credit2, abi::scheduler::putinfo, {.weight = 0, .cap = 50}), 0);
    shown(512, 50);
    EXPECT_EQ(share(abi::scheduler::credit2, abi::scheduler::getvcpuinfo, {}), err(Errno::inval));
    EXPECT_EQ(share(abi::scheduler::rtds, abi::scheduler::putinfo, {.weight = 1, .cap = 0}), err(Errno::inval));
    shown(512, 50);
}

TEST(Domctl, HypercallPageIsWrittenToAPageOfTheDomains) {
    ToolWorld world;
    Guest& guest = world.add_guest();
    Guest& other = world.add_guest();
    abi::Domctl op{};
    op.u.hypercall_init.gmfn = Gfn{guest.mfn(30).value};
    EXPECT_EQ(domctl(world, command::hypercall_init, guest.id(), op), 0);
    auto const* page = reinterpret_cast<u8 const*>(guest.frame(30));
    EXPECT_EQ(page[32 * 17], 0x51);       // push %rcx
    EXPECT_EQ(page[32 * 17 + 4], 17);     // mov $17, %eax
    EXPECT_EQ(page[32 * 17 + 8], 0x0f);   // syscall
    EXPECT_EQ(page[32 * 17 + 13], 0xc3);  // ret
    EXPECT_EQ(page[32 * 23 + 5], 23);
    EXPECT_EQ(page[32 * 23 + 12], 0xcc);  // iret does not come back
    op.u.hypercall_init.gmfn = Gfn{other.mfn(30).value};
    EXPECT_EQ(domctl(world, command::hypercall_init, guest.id(), op), err(Errno::inval));
    op.u.hypercall_init.gmfn = Gfn{guest.mfn(0).value};
    EXPECT_LT(domctl(world, command::hypercall_init, guest.id(), op), 0) << "a page table";
    EXPECT_EQ(world.mismatches(), 0u);
}

TEST(Domctl, PageTypesAreReported) {
    ToolWorld world;
    Guest& guest = world.add_guest();
    InDom0<std::array<u64, 5>> array{world, 20};
    *array = {guest.mfn(0).value, guest.mfn(3).value, guest.mfn(9).value, world.dom0().mfn(9).value, ~u64{0}};
    abi::Domctl op{};
    op.u.getpageframeinfo3 = {.num = 5, .array = {array.address()}};
    EXPECT_EQ(domctl(world, command::getpageframeinfo3, guest.id(), op), 0);
    EXPECT_EQ((*array)[0], abi::pfinfo::l4tab | abi::pfinfo::lpintab);
    EXPECT_EQ((*array)[1], abi::pfinfo::l1tab);
    EXPECT_EQ((*array)[2], abi::pfinfo::notab);
    EXPECT_EQ((*array)[3], abi::pfinfo::xtab);
    EXPECT_EQ((*array)[4], abi::pfinfo::xtab);
    op.u.getpageframeinfo3.num = 1025;
    EXPECT_EQ(domctl(world, command::getpageframeinfo3, guest.id(), op), err(Errno::toobig));
}

TEST(Domctl, AShutDownDomainKeepsItsReasonAndCanBeResumed) {
    ToolWorld world;
    Guest& guest = world.add_guest();
    shut_down_domain(guest.domain(), 2);
    abi::DomctlGetdomaininfo info = info_of(world, guest.id());
    EXPECT_TRUE(info.flags & abi::dominf::shutdown);
    EXPECT_EQ(info.flags >> abi::dominf::shutdown_shift & abi::dominf::shutdown_mask, 2u);
    EXPECT_EQ(domctl(world, command::resumedomain, guest.id()), 0);
    info = info_of(world, guest.id());
    EXPECT_FALSE(info.flags & abi::dominf::shutdown);
}
}  // namespace
}  // namespace hosted
