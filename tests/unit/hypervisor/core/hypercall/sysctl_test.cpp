// SPDX-License-Identifier: MIT
#include "public/sysctl.hpp"

#include <algorithm>
#include <map>
#include <span>
#include <utility>

#include "base/log.hpp"
#include "core/hal/cpu.hpp"
#include "core/mm/page_alloc.hpp"
#include "core/sched/scheduler.hpp"
#include "tests/unit/hypervisor/core/control/control_guest.hpp"

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
    for (u32 const left : {16u, 0u}) {  // all of it once more, which is the end of it
        op.u.readconsole.incremental = 0;
        op.u.readconsole.clear = 1;
        op.u.readconsole.count = 64;
        ASSERT_EQ(sysctl(world.dom0(), command::readconsole, op), 0);
        EXPECT_EQ(op.u.readconsole.count, left);
    }
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
    op = {};
    op.u.numainfo.meminfo = {cpus.address()};
    EXPECT_EQ(sysctl(world.dom0(), command::numainfo, op), err(Errno::nobufs)) << "no room for any node";
    op = {};
    op.u.cpupool_op.op = abi::cpupoolop::info;
    op.u.cpupool_op.cpupool_id = 1;
    EXPECT_EQ(sysctl(world.dom0(), command::cpupool_op, op), err(Errno::noent));
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
    op.u.cpu_policy.index = abi::cpu_policy::pv_default;
    op.u.cpu_policy.rsvd = 1;
    EXPECT_EQ(sysctl(world.dom0(), command::get_cpu_policy, op), err(Errno::inval));
}

// A processor with AVX-512, which the hypervisor does not switch, three caches, two levels and one leaf too many.
void describe_a_processor() {
    Machine& machine = Machine::get();
    auto& leaves = machine.processor;
    leaves = {{{0, 0}, {0x20, 1, 2, 3}},
              {{1, 0}, {0x50654, 0, 1u << 26 | 1u << 28, 0x11}},               // XSAVE AVX
              {{7, 0}, {3, 1u << 5 | 1u << 16, 1u << 1 | 1u << 9, 1u << 22}},  // AVX2 AVX512F VBMI VAES AMX
              {{7, 1}, {1u << 4 | 1u << 5, 0, 0, 0}},
              {{7, 2}, {0, 0, 0, 0x21}},
              {{0xb, 0}, {1, 2, 0x100, 0}},
              {{0xb, 1}, {5, 8, 0x201, 0}},
              {{0xd, 0}, {0xe7, 0xa80, 0xa80, 0}},
              {{0xd, 1}, {0xf, 0, 0x100, 0}},
              {{0xd, 2}, {0x100, 0x240, 0, 0}},
              {{0xd, 5}, {0x40, 0x440, 0, 0}},
              {{0x8000'0000, 0}, {0x8000'0028, 0, 0, 0}},
              {{0x8000'0021, 0}, {0x40, 0, 6, 0}}};
    for (u32 cache = 0; cache < 3; ++cache) leaves[{4, cache}] = {cache + 1, 0, 0, 0};
    machine.arch_capabilities = 0x5'0000'002b;
}

TEST(Sysctl, TheMachinesOwnPolicyIsWhatItSaysAndTheHypervisorsWhatIsSwitched) {
    ToolWorld world;
    describe_a_processor();
    InDom0<std::array<abi::CpuidLeaf, 120>> buffer{world, 20};
    InDom0<std::array<abi::MsrEntry, 2>> msrs{world, 21};
    auto read = [&](u32 index) {
        abi::Sysctl op{};
        op.u.cpu_policy = {.index = index,
                           .nr_leaves = 120,
                           .nr_msrs = 2,
                           .rsvd = 0,
                           .leaves = {buffer.address()},
                           .msrs = {msrs.address()}};
        EXPECT_EQ(sysctl(world.dom0(), command::get_cpu_policy, op), 0);
        std::map<std::pair<u32, u32>, CpuidLeaf> leaves;
        u64 before = 0;
        for (u32 i = 0; i < op.u.cpu_policy.nr_leaves; ++i) {
            abi::CpuidLeaf const& line = (*buffer)[i];
            u64 const place = u64{line.leaf} << 32 | (line.subleaf == abi::cpuid_no_subleaf ? 0 : line.subleaf);
            EXPECT_TRUE(i == 0 || place > before) << "in rising order";
            before = place;
            leaves[{line.leaf, static_cast<u32>(place)}] = {line.a, line.b, line.c, line.d};
        }
        return leaves;
    };
    auto raw = read(abi::cpu_policy::raw);
    auto const& machines = Machine::get().processor;
    for (auto const& [place, value] : machines) EXPECT_EQ(raw[place], value) << place.first << '.' << place.second;
    EXPECT_EQ((*msrs)[1].val, 0x5'0000'002bu);
    // 0 to 0xd, four entries of caches, three of features, two of levels, nine of state; 0x80000000 to 0x80000021; two
    // of hypervisors.
    EXPECT_EQ(raw.size(), 14u + 3 + 2 + 1 + 8 + 0x22 + 2);
    EXPECT_TRUE(raw.contains({0x4000'0000, 0}) && raw.contains({0x4000'0100, 0}));
    EXPECT_FALSE(raw.contains({0x20, 0}) || raw.contains({7, 3}) || raw.contains({0x8000'0022, 0}));

    auto host = read(abi::cpu_policy::host);
    EXPECT_EQ((*msrs)[1].val, 0x5'0000'002bu);
    EXPECT_EQ((host[{0, 0}]), (CpuidLeaf{0xd, 1, 2, 3}));
    EXPECT_EQ((host[{0x8000'0000, 0}].eax), 0x8000'0021u);
    EXPECT_EQ((host[{7, 0}]), (CpuidLeaf{2, 1u << 5, 1u << 9, 0}));
    EXPECT_EQ((host[{7, 1}].eax), 1u << 4);
    EXPECT_EQ((host[{7, 2}]), (raw[{7, 2}]));
    EXPECT_EQ((host[{0xd, 0}]), (CpuidLeaf{7, 0x340, 0x340, 0}));
    EXPECT_EQ((host[{0xd, 1}].eax), 7u);  // no XSAVES
    EXPECT_FALSE(host.contains({0xd, 3}));
    EXPECT_EQ((host[{1, 0}]), (raw[{1, 0}]));

    auto guests = read(abi::cpu_policy::pv_default);
    EXPECT_EQ((*msrs)[1].val, 0u);
    EXPECT_EQ((guests[{0x8000'0000, 0}].eax), 0x8000'0008u);
    EXPECT_EQ((guests[{7, 1}].eax), 0u);
    EXPECT_NE((guests[{1, 0}].ecx), (raw[{1, 0}].ecx));
}

TEST(Sysctl, FeatureSetsAreThoseOfThePoliciesOfTheirNames) {
    ToolWorld world;
    describe_a_processor();
    InDom0<std::array<u32, 19>> buffer{world, 20};
    auto read = [&](u32 index) {
        abi::Sysctl op{};
        op.u.cpu_featureset = {.index = index, .nr_features = 19, .features = {buffer.address()}};
        EXPECT_EQ(sysctl(world.dom0(), command::get_cpu_featureset, op), 0);
        return *buffer;
    };
    auto const raw = read(abi::featureset::raw);
    EXPECT_EQ(raw[5], 1u << 5 | 1u << 16);
    EXPECT_EQ(raw[11], 0x40u);
    EXPECT_EQ(raw[13], 0x21u);
    EXPECT_EQ(raw[16], 0x2bu);
    EXPECT_EQ(raw[17], 5u);
    EXPECT_EQ(raw[18], 6u);
    auto host = read(abi::featureset::host);
    EXPECT_EQ(host[5], 1u << 5);
    EXPECT_EQ(host[18], 6u);
    auto const guests = read(abi::featureset::pv);
    EXPECT_EQ(guests[5], 1u << 5);
    EXPECT_EQ(guests[16] | guests[17] | guests[18], 0u);
    abi::Sysctl op{};
    ASSERT_EQ(sysctl(world.dom0(), command::physinfo, op), 0);
    EXPECT_TRUE(std::ranges::equal(op.u.physinfo.hw_cap, std::span{host}.first(std::size(op.u.physinfo.hw_cap))));
    // No word is read from a leaf that is not there.
    Machine::get().processor[{0, 0}].eax = 1;
    EXPECT_EQ(read(abi::featureset::raw)[5], 0u);
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
    EXPECT_EQ(ask(command::cpu_hotplug, nowhere, abi::cpuhotplug::smt_disable), err(Errno::opnotsupp));
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

    // What tools take from the machine's topology is no promise, but only where the machine has it.
    constexpr u32 htt = 1u << 28;
    (*leaves)[1] = {.leaf = 1, .subleaf = abi::cpuid_no_subleaf, .a = 0, .b = 0, .c = 0, .d = htt};
    EXPECT_EQ(domctl(world, abi::domctl::set_cpu_policy, guest.id(), op), err(Errno::inval));
    Machine::get().processor = {{{0, 0}, {1, 0, 0, 0}}, {{1, 0}, {0, 0, 0, htt | 1u << 12}}};
    EXPECT_EQ(domctl(world, abi::domctl::set_cpu_policy, guest.id(), op), 0);
    (*leaves)[1].d = 1u << 12;  // MTRR
    EXPECT_EQ(domctl(world, abi::domctl::set_cpu_policy, guest.id(), op), err(Errno::inval));
    (*leaves)[1].d = 0;

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
