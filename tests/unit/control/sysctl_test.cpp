// SPDX-License-Identifier: MIT
#include "public/sysctl.hpp"

#include "base/log.hpp"
#include "control_guest.hpp"
#include "core/mm/page_alloc.hpp"
#include "core/sched/scheduler.hpp"

namespace hosted {
namespace {
namespace command = abi::sysctl;

TEST(Sysctl, IsForDom0AndForOneVersionOnly) {
    ToolWorld world;
    abi::Sysctl op{};
    EXPECT_EQ(sysctl(world.add_guest(), command::physinfo, op), err(Errno::perm));
    EXPECT_EQ(world.dom0().call(abi::hypercall::sysctl,
                                {world.dom0().put(abi::Sysctl{.cmd = 3, .interface_version = 1, .u = {}})}),
              err(Errno::acces));
    EXPECT_EQ(sysctl(world.dom0(), 999, op), err(Errno::nosys));
}

TEST(Sysctl, PhysinfoSaysThatPvGuestsCanRun) {
    ToolWorld world;
    abi::Sysctl op{};
    ASSERT_EQ(sysctl(world.dom0(), command::physinfo, op), 0);
    EXPECT_EQ(op.u.physinfo.nr_cpus, 4u);
    EXPECT_TRUE(op.u.physinfo.capabilities & abi::physcap::pv);
    EXPECT_FALSE(op.u.physinfo.capabilities & abi::physcap::hvm);
    EXPECT_EQ(op.u.physinfo.free_pages, free_frame_count());
    EXPECT_GT(op.u.physinfo.total_pages, op.u.physinfo.free_pages);
}

TEST(Sysctl, ListsDomainsFromTheFirstOneAskedFor) {
    ToolWorld world;
    Guest& a = world.add_guest();
    Guest& b = world.add_guest();
    InDom0<std::array<abi::DomctlGetdomaininfo, 8>> buffer{world, 20};
    auto list = [&](Domid first, u32 most) {
        abi::Sysctl op{};
        op.u.getdomaininfolist = {.first_domain = first,
                                  .pad0 = 0,
                                  .max_domains = most,
                                  .buffer = {buffer.address()},
                                  .num_domains = 0,
                                  .pad1 = 0};
        EXPECT_EQ(sysctl(world.dom0(), command::getdomaininfolist, op), 0);
        return op.u.getdomaininfolist.num_domains;
    };
    EXPECT_EQ(list(Domid{0}, 8), 3u);
    EXPECT_EQ((*buffer)[0].domain, abi::dom0);
    EXPECT_EQ((*buffer)[1].domain, a.id());
    EXPECT_EQ((*buffer)[2].domain, b.id());
    EXPECT_EQ(list(b.id(), 8), 1u);
    EXPECT_EQ(list(Domid{0}, 2), 2u);
    EXPECT_EQ(list(Domid{static_cast<u16>(b.id().value + 1)}, 8), 0u);
}

TEST(Sysctl, PerfcOpTellsACounterOfEachCpuByItsName) {
    ToolWorld world;
    InDom0<std::array<abi::SysctlPerfcDesc, 8>> names{world, 20};
    InDom0<std::array<u32, 64>> values{world, 21};
    auto ask = [&](u32 command_of_perfc) {
        abi::Sysctl op{};
        op.u.perfc_op.cmd = command_of_perfc;
        op.u.perfc_op.desc = {names.address()};
        op.u.perfc_op.val = {values.address()};
        EXPECT_EQ(sysctl(world.dom0(), command::perfc_op, op), 0);
        return op.u.perfc_op;
    };
    auto const cr3_writes_of_cpu2 = [&] { return (*values)[2]; };
    ask(abi::perfcop::reset);
    hal::perf_counts(2)[0] = 5;
    EXPECT_EQ(ask(abi::perfcop::query).nr_vals, perf::names.size() * hal::online_cpus());
    EXPECT_EQ((*names)[0].name, perf::names[0]);
    EXPECT_EQ((*names)[0].nr_vals, hal::online_cpus());
    EXPECT_EQ(cr3_writes_of_cpu2(), 5u);
    ask(abi::perfcop::reset);
    EXPECT_EQ(cr3_writes_of_cpu2(), 5u);
    ask(abi::perfcop::query);
    EXPECT_EQ(cr3_writes_of_cpu2(), 0u);
    abi::Sysctl op{};
    EXPECT_EQ(sysctl(world.dom0(), command::perfc_op, op), err(Errno::inval));
}

TEST(Sysctl, ReadConsoleGivesTheLogInPieces) {
    ToolWorld world;
    log::clear_ring();
    log::error("first line");
    log::write_raw("what dom0 prints is not in the log\n");
    InDom0<std::array<char, 64>> buffer{world, 20};
    abi::Sysctl op{};
    op.u.readconsole = {.clear = 0,
                        .incremental = 1,
                        .pad0 = 0,
                        .pad1 = 0,
                        .index = 0,
                        .buffer = {buffer.address()},
                        .count = 6,
                        .pad2 = 0};
    // An index from before the ring's start means its start.
    ASSERT_EQ(sysctl(world.dom0(), command::readconsole, op), 0);
    u32 const first_count = op.u.readconsole.count;
    EXPECT_EQ(first_count, 6u);
    op.u.readconsole.count = 64;
    op.u.readconsole.buffer = {buffer.address() + first_count};
    ASSERT_EQ(sysctl(world.dom0(), command::readconsole, op), 0);
    EXPECT_EQ((std::string_view{buffer->data(), first_count + op.u.readconsole.count}), "(pv) first line\n");
    op.u.readconsole.count = 64;
    ASSERT_EQ(sysctl(world.dom0(), command::readconsole, op), 0);
    EXPECT_EQ(op.u.readconsole.count, 0u) << "nothing new";
}

TEST(Sysctl, DebugKeyAAuditsTheFrameTable) {
    ToolWorld world;
    world.machine().console.clear();
    abi::Sysctl op{};
    op.u.debug_keys = {.keys = {world.dom0().put('A', 512)}, .nr_keys = 1, .pad = 0};
    EXPECT_EQ(sysctl(world.dom0(), command::debug_keys, op), 0);
    EXPECT_NE(world.machine().console.find("audit: ok"), std::string::npos);
    op.u.debug_keys.nr_keys = 1000;
    EXPECT_EQ(sysctl(world.dom0(), command::debug_keys, op), err(Errno::toobig));
}

TEST(Sysctl, DebugKeysListThemselvesAndTheDomains) {
    ToolWorld world;
    Guest& guest = world.add_guest();
    std::string& console = world.machine().console;
    auto answer_to = [&](char key) {
        console.clear();
        abi::Sysctl op{};
        op.u.debug_keys = {.keys = {world.dom0().put(key, 512)}, .nr_keys = 1, .pad = 0};
        EXPECT_EQ(sysctl(world.dom0(), command::debug_keys, op), 0);
        return console;
    };
    EXPECT_NE(answer_to('h').find("debug key q: "), std::string::npos);
    std::string const vcpu = "d" + std::to_string(guest.id().value) + "v0: ";
    EXPECT_NE(answer_to('q').find(vcpu + "paused"), std::string::npos) << console;
    unpause_domain(guest.domain());
    EXPECT_NE(answer_to('q').find(vcpu + "waiting"), std::string::npos) << console;
    pause_domain(guest.domain());
    EXPECT_EQ(answer_to('.'), "");
}

TEST(Sysctl, TheShortestRunCanBeSet) {
    ToolWorld world;
    Time const before = sched::shortest_run;
    auto ask = [&](u32 what, u32 us) {
        abi::Sysctl op{};
        op.u.scheduler_op.sched_id = abi::scheduler::credit2;
        op.u.scheduler_op.cmd = what;
        op.u.scheduler_op.u.sched_credit2.ratelimit_us = us;
        i64 const result = sysctl(world.dom0(), command::scheduler_op, op);
        return result ? result : op.u.scheduler_op.u.sched_credit2.ratelimit_us;
    };
    EXPECT_EQ(ask(abi::scheduler::getinfo, 0), before / 1000);
    EXPECT_EQ(ask(abi::scheduler::putinfo, 700), 700);
    EXPECT_EQ(ask(abi::scheduler::getinfo, 0), 700);
    EXPECT_EQ(sched::shortest_run, 700'000u);
    EXPECT_EQ(ask(abi::scheduler::putinfo, 99), err(Errno::inval));
    EXPECT_EQ(ask(abi::scheduler::putinfo, 500'001), err(Errno::inval));
    EXPECT_EQ(ask(abi::scheduler::putinfo, 0), 100) << "never nothing";
    EXPECT_EQ(ask(abi::scheduler::getvcpuinfo, 0), err(Errno::opnotsupp));
    sched::shortest_run = before;
}

TEST(Sysctl, NoPciDeviceHasANode) {
    ToolWorld world;
    InDom0<std::array<u32, 100>> nodes{world, 20};
    InDom0<std::array<u32, 100>> devices{world, 21};
    abi::Sysctl op{};
    op.u.pcitopoinfo.num_devs = 100;
    EXPECT_EQ(sysctl(world.dom0(), command::pcitopoinfo, op), err(Errno::inval));
    op.u.pcitopoinfo.devs = {devices.address()};
    op.u.pcitopoinfo.nodes = {nodes.address()};
    ASSERT_EQ(sysctl(world.dom0(), command::pcitopoinfo, op), 0);
    EXPECT_EQ(op.u.pcitopoinfo.num_devs, 64u) << "as many as a call answers";
    EXPECT_EQ((*nodes)[63], abi::invalid_topology_id);
    EXPECT_EQ((*nodes)[64], 0u);
}

TEST(Sysctl, TopologyIsFlat) {
    ToolWorld world;
    InDom0<std::array<abi::SysctlCputopo, 16>> cpus{world, 20};
    abi::Sysctl op{};
    ASSERT_EQ(sysctl(world.dom0(), command::cputopoinfo, op), 0);
    EXPECT_EQ(op.u.cputopoinfo.num_cpus, 4u);
    op.u.cputopoinfo.cputopo = {cpus.address()};
    ASSERT_EQ(sysctl(world.dom0(), command::cputopoinfo, op), 0);
    EXPECT_EQ((*cpus)[3].core, 3u);
    op = {};
    ASSERT_EQ(sysctl(world.dom0(), command::numainfo, op), 0);
    EXPECT_EQ(op.u.numainfo.num_nodes, 1u);
}

TEST(Sysctl, CpuPolicyHasASizeAndFitsOrNot) {
    ToolWorld world;
    abi::Sysctl op{};
    op.u.cpu_policy.index = abi::cpu_policy::pv_default;
    ASSERT_EQ(sysctl(world.dom0(), command::get_cpu_policy, op), 0);
    EXPECT_EQ(op.u.cpu_policy.nr_leaves, 120u);  // what a tool's library may write for any policy
    EXPECT_EQ(op.u.cpu_policy.nr_msrs, 2u);
    InDom0<std::array<abi::CpuidLeaf, 120>> buffer{world, 20};
    InDom0<std::array<abi::MsrEntry, 2>> msrs{world, 21};
    op.u.cpu_policy.leaves = {buffer.address()};
    op.u.cpu_policy.msrs = {msrs.address()};
    ASSERT_EQ(sysctl(world.dom0(), command::get_cpu_policy, op), 0);
    u32 const leaves = op.u.cpu_policy.nr_leaves;
    ASSERT_GT(leaves, 0u);
    ASSERT_LT(leaves, 120u);
    EXPECT_EQ((*buffer)[0].leaf, 0u);
    EXPECT_EQ(op.u.cpu_policy.nr_msrs, 2u);
    EXPECT_EQ((*msrs)[0].idx, 0xceu);
    EXPECT_EQ((*msrs)[1].idx, 0x10au);
    op.u.cpu_policy.nr_leaves = leaves - 1;
    EXPECT_EQ(sysctl(world.dom0(), command::get_cpu_policy, op), err(Errno::nobufs));
    op.u.cpu_policy.nr_leaves = leaves;
    op.u.cpu_policy.nr_msrs = 1;
    EXPECT_EQ(sysctl(world.dom0(), command::get_cpu_policy, op), err(Errno::nobufs));
    op.u.cpu_policy.nr_msrs = 2;
    for (u32 const index : {abi::cpu_policy::hvm_max, abi::cpu_policy::hvm_default}) {
        op.u.cpu_policy.index = index;
        EXPECT_EQ(sysctl(world.dom0(), command::get_cpu_policy, op), err(Errno::opnotsupp));
    }
    op.u.cpu_policy.index = 6;
    EXPECT_EQ(sysctl(world.dom0(), command::get_cpu_policy, op), err(Errno::inval));
}

TEST(Sysctl, PowerAndHotplugAreAnsweredAsWithoutThem) {
    ToolWorld world;
    auto ask = [&](u32 nr, u32 first, u32 second) {
        abi::Sysctl op{};
        op.u.get_pmstat = {first, second};
        return sysctl(world.dom0(), nr, op);
    };
    u32 const nowhere = hal::online_cpus();
    EXPECT_EQ(ask(command::get_pmstat, 0x21, 0), err(Errno::nodev));
    EXPECT_EQ(ask(command::get_pmstat, 0x21, nowhere), err(Errno::inval));
    EXPECT_EQ(ask(command::pm_op, 0x11, 0), err(Errno::nodev));
    EXPECT_EQ(ask(command::pm_op, 0x11, nowhere), err(Errno::inval));
    EXPECT_EQ(ask(command::pm_op, 0x26, 0), err(Errno::nosys));
    EXPECT_EQ(ask(command::cpu_hotplug, 0, abi::cpuhotplug::online), err(Errno::exist));
    EXPECT_EQ(ask(command::cpu_hotplug, nowhere, abi::cpuhotplug::online), err(Errno::inval));
    EXPECT_EQ(ask(command::cpu_hotplug, 0, abi::cpuhotplug::offline), err(Errno::opnotsupp));
    EXPECT_EQ(ask(command::cpu_hotplug, 0, abi::cpuhotplug::smt_disable), err(Errno::opnotsupp));
    abi::Sysctl op{};
    op.u.pm_op = {abi::pmop::get_max_cstate, 1, 0};
    EXPECT_EQ(sysctl(world.dom0(), command::pm_op, op), 0);
    EXPECT_EQ(static_cast<u32>(op.u.pm_op.value), abi::pmop::cx_unlimited);
    op.u.pm_op.cpuid = 2;
    EXPECT_EQ(sysctl(world.dom0(), command::pm_op, op), err(Errno::inval));
}

TEST(Sysctl, FeaturesOfPvOnlyAndAsManyAsThereIsRoomFor) {
    ToolWorld world;
    abi::Sysctl op{};
    op.u.cpu_featureset.index = 99;  // of no matter to the question how many there are
    ASSERT_EQ(sysctl(world.dom0(), command::get_cpu_featureset, op), 0);
    u32 const words = op.u.cpu_featureset.nr_features;
    InDom0<std::array<u32, 64>> buffer{world, 20};
    op.u.cpu_featureset.features = {buffer.address()};
    EXPECT_EQ(sysctl(world.dom0(), command::get_cpu_featureset, op), err(Errno::inval));
    for (u32 const index : {abi::featureset::hvm, abi::featureset::hvm_max}) {
        op.u.cpu_featureset.index = index;
        EXPECT_EQ(sysctl(world.dom0(), command::get_cpu_featureset, op), err(Errno::opnotsupp));
    }
    op.u.cpu_featureset.index = abi::featureset::pv;
    op.u.cpu_featureset.nr_features = 64;
    EXPECT_EQ(sysctl(world.dom0(), command::get_cpu_featureset, op), 0);
    EXPECT_EQ(op.u.cpu_featureset.nr_features, words);
    op.u.cpu_featureset.nr_features = words - 1;
    (*buffer)[words - 1] = 0x5a5a;
    EXPECT_EQ(sysctl(world.dom0(), command::get_cpu_featureset, op), err(Errno::nobufs));
    EXPECT_EQ(op.u.cpu_featureset.nr_features, words - 1);
    EXPECT_EQ((*buffer)[words - 1], 0x5a5au);
}

TEST(Sysctl, APolicyThatAnnouncesTooMuchIsRefusedWithItsPlace) {
    ToolWorld world;
    Guest& guest = world.add_guest();
    InDom0<std::array<abi::CpuidLeaf, 2>> leaves{world, 20};
    (*leaves)[0] = {.leaf = 0, .subleaf = abi::cpuid_no_subleaf, .a = 0xd, .b = 0, .c = 0, .d = 0};
    (*leaves)[1] = {.leaf = 7, .subleaf = 0, .a = 0, .b = 1u << 20, .c = 0, .d = 0};  // SMAP
    abi::Domctl op{};
    op.u.cpu_policy.nr_leaves = 2;
    op.u.cpu_policy.leaves = {leaves.address()};
    EXPECT_EQ(domctl(world, abi::domctl::set_cpu_policy, guest.id(), op), err(Errno::inval));
    EXPECT_EQ(op.u.cpu_policy.err_leaf, 7u);
    (*leaves)[1].b = 0;
    EXPECT_EQ(domctl(world, abi::domctl::set_cpu_policy, guest.id(), op), 0);

    InDom0<std::array<abi::MsrEntry, 2>> msrs{world, 21};
    (*msrs)[0] = {.idx = 0xce, .flags = 0, .val = 0};
    (*msrs)[1] = {.idx = 0x10a, .flags = 0, .val = 0};
    op.u.cpu_policy.msrs = {msrs.address()};
    op.u.cpu_policy.nr_msrs = 2;
    EXPECT_EQ(domctl(world, abi::domctl::set_cpu_policy, guest.id(), op), 0);
    (*msrs)[0].val = u64{1} << 31;  // faulting CPUID
    EXPECT_EQ(domctl(world, abi::domctl::set_cpu_policy, guest.id(), op), err(Errno::inval));
    EXPECT_EQ(op.u.cpu_policy.err_msr, 0xceu);
    (*msrs)[0] = {.idx = 0x10, .flags = 0, .val = 0};
    EXPECT_EQ(domctl(world, abi::domctl::set_cpu_policy, guest.id(), op), err(Errno::range));
    EXPECT_EQ(op.u.cpu_policy.err_msr, 0x10u);
    op.u.cpu_policy.nr_msrs = 3;
    EXPECT_EQ(domctl(world, abi::domctl::set_cpu_policy, guest.id(), op), err(Errno::toobig));
}
}  // namespace
}  // namespace hosted
