// SPDX-License-Identifier: MIT
#include "core/grant/table.hpp"
#include "core/mm/page_alloc.hpp"
#include "hosted/world.hpp"
#include "public/grant_table.hpp"
#include "public/hypercall.hpp"
#include "public/memory.hpp"

#include <gtest/gtest.h>

using namespace hosted;

namespace {
struct MemoryOp : testing::Test {
    World world;
    Guest& guest = world.add_guest(64, 2);

    void TearDown() override { EXPECT_EQ(world.mismatches(), 0u); }

    i64 reserve(u32 command, u64 list, u64 count, u32 order = 0, u32 flags = 0) {
        abi::MemoryReservation request{};
        request.extent_start = {list};
        request.nr_extents = count;
        request.extent_order = order;
        request.mem_flags = flags;
        request.domid = abi::domid_self;
        return guest.call(abi::hypercall::memory_op, {command, guest.put(request)});
    }
    u64 list(std::initializer_list<u64> values) {
        u64 offset = 512;
        for (u64 value : values) guest.put(value, std::exchange(offset, offset + 8));
        return Guest::va(guest.scratch_pfn()) + 512;
    }
    abi::MemoryExchange exchange(u64 in, u32 in_order, u64 in_count, u64 out, u32 out_order, u64 out_count, u32 bits) {
        abi::MemoryExchange request{};
        request.in = {.extent_start = {in},
                      .nr_extents = in_count,
                      .extent_order = in_order,
                      .mem_flags = 0,
                      .domid = abi::domid_self,
                      .pad = {}};
        request.out = {.extent_start = {out},
                       .nr_extents = out_count,
                       .extent_order = out_order,
                       .mem_flags = bits,
                       .domid = abi::domid_self,
                       .pad = {}};
        return request;
    }
};
}  // namespace

TEST_F(MemoryOp, DecreaseThenPopulateGivesThePageBack) {
    u64 const mfn = guest.mfn(20).value;
    ASSERT_EQ(guest.update_va_mapping(Guest::va(20), 0), 0);
    u64 const had = guest.domain().pages;
    EXPECT_EQ(reserve(abi::memop::decrease_reservation, list({mfn}), 1), 1);
    EXPECT_EQ(guest.domain().pages, had - 1);
    EXPECT_EQ(world.machine().m2p[mfn], abi::invalid_m2p_entry);
    EXPECT_EQ(reserve(abi::memop::decrease_reservation, list({mfn}), 1), 0) << "not ours any more";

    EXPECT_EQ(reserve(abi::memop::populate_physmap, list({20}), 1), 1);
    u64 const fresh = guest.take<u64>(512);
    EXPECT_EQ(world.machine().m2p[fresh], 20u);
    EXPECT_EQ(guest.update_va_mapping(Guest::va(20), Pte::make(Mfn{fresh}, rw).raw), 0);
}

TEST_F(MemoryOp, MappedPageStaysAliveUntilItIsUnmapped) {
    u64 const mfn = guest.mfn(20).value;
    EXPECT_EQ(reserve(abi::memop::decrease_reservation, list({mfn}), 1), 1);
    EXPECT_EQ(PageInfo::owner_of(page_of(Mfn{mfn}).count), guest.id());
    EXPECT_EQ(guest.update_va_mapping(Guest::va(20), 0), 0);
    EXPECT_EQ(PageInfo::owner_of(page_of(Mfn{mfn}).count), abi::domid_invalid);
}

TEST_F(MemoryOp, AFrameThatTheGuestCannotBeToldOfIsTakenBack) {
    constexpr u64 pfn = 20;
    guest.frame(pfn)[0] = 100;
    ASSERT_EQ(guest.protect(pfn), 0);
    u64 const had = guest.domain().pages;
    for (u32 order : {0u, 2u}) {
        EXPECT_EQ(reserve(abi::memop::populate_physmap, Guest::va(pfn), 1, order), 0);
        EXPECT_EQ(reserve(abi::memop::increase_reservation, Guest::va(pfn), 1, order), 0);
        EXPECT_EQ(guest.domain().pages, had);
    }
    EXPECT_EQ(guest.frame(pfn)[0], 100u);
}

TEST_F(MemoryOp, AFrameOfTheGrantTableIsNoMemoryToGiveBack) {
    Result<Mfn> frame = guest.domain().grants->grown_to(0);
    ASSERT_TRUE(frame);
    u64 const had = guest.domain().pages;
    EXPECT_EQ(reserve(abi::memop::decrease_reservation, list({frame->value}), 1), 0);
    EXPECT_EQ(guest.domain().pages, had);
    EXPECT_EQ(*guest.domain().grants->grown_to(0), *frame);
    EXPECT_TRUE(page_of(*frame).count_has(PageInfo::shared | PageInfo::allocated));
}

TEST_F(MemoryOp, PopulateStopsAtTheLimitAndSaysHowFarItCame) {
    guest.domain().max_pages = guest.domain().pages + 2;
    EXPECT_EQ(reserve(abi::memop::populate_physmap, list({100, 101, 102, 103}), 4), 2);
    EXPECT_EQ(reserve(abi::memop::populate_physmap, list({100}), 1), 0);
}

TEST_F(MemoryOp, PreemptedReservationGoesOnWhereItStopped) {
    world.machine().preempt_after = 2;
    EXPECT_EQ(reserve(abi::memop::populate_physmap, list({100, 101, 102, 103, 104, 105}), 6), 6);
    for (u64 i = 0; i < 6; ++i) EXPECT_EQ(world.machine().m2p[guest.take<u64>(512 + i * 8)], 100 + i);
}

// Another vCPU of the guest waits for the frame's number and gives the frame back, which then goes to somebody else.
TEST_F(MemoryOp, AFrameThatIsGivenBackAtOnceHasItsNextOwnersNumber) {
    constexpr u64 pfn = 20, others_pfn = 77;
    Guest& other = world.add_guest();
    u64 const place = list({pfn});
    u64 lost = 0;
    world.machine().meanwhile = [&] {
        u64 const told = guest.take<u64>(512);
        if (lost || told == pfn) return;
        guest.active = 1;
        ASSERT_EQ(reserve(abi::memop::decrease_reservation, list({told}), 1), 1);
        guest.active = 0;
        auto const taken = alloc_domain_frames(other.domain(), 0);
        ASSERT_TRUE(taken);
        lost = mfn_of(**taken).value;
        ASSERT_EQ(lost, told);
        world.machine().m2p[lost] = others_pfn;
    };
    EXPECT_EQ(reserve(abi::memop::populate_physmap, place, 1), 1);
    world.machine().meanwhile = {};
    ASSERT_NE(lost, 0u);
    EXPECT_EQ(world.machine().m2p[lost], others_pfn);
}

// Frames of it that others have mapped keep a domain there after its end.
TEST_F(MemoryOp, ADomainThatHasEndedHasNoLastFrameNumber) {
    auto ask = [&] {
        abi::MemoryDomain const request{.domid = guest.id()};
        return world.dom0().call(abi::hypercall::memory_op, {abi::memop::maximum_gpfn, world.dom0().put(request)});
    };
    guest.domain().shared_info->arch.max_pfn = 64;
    EXPECT_EQ(ask(), 63);
    world.destroy(guest);
    EXPECT_EQ(ask(), 0);
}

TEST_F(MemoryOp, AbsurdOrdersAndCountsDoNothing) {
    EXPECT_EQ(reserve(abi::memop::populate_physmap, list({100}), 1, 63), 0);
    EXPECT_EQ(reserve(abi::memop::populate_physmap, list({100}), 1, 10), 0) << "beyond a guest's order limit";
    EXPECT_EQ(reserve(abi::memop::populate_physmap, list({100}), ~u64{0}), 0);
    EXPECT_EQ(reserve(abi::memop::decrease_reservation, list({~u64{0}}), 1), 0);
    EXPECT_EQ(reserve(abi::memop::decrease_reservation, list({~u64{0} - 1}), 1, 9), 0);
}

TEST_F(MemoryOp, ExchangeMakesAContiguousExtent) {
    for (u64 pfn = 20; pfn < 24; ++pfn) ASSERT_EQ(guest.update_va_mapping(Guest::va(pfn), 0), 0);
    u64 in = list({guest.mfn(20).value, guest.mfn(21).value, guest.mfn(22).value, guest.mfn(23).value, 20});
    u64 place = guest.put(exchange(in, 0, 4, in + 32, 2, 1, 0));
    EXPECT_EQ(guest.call(abi::hypercall::memory_op, {abi::memop::exchange, place}), 0);
    EXPECT_EQ(guest.take<abi::MemoryExchange>().nr_exchanged, 4u);
    u64 const mfn = guest.take<u64>(512 + 32);
    EXPECT_EQ(mfn % 4, 0u);
    for (u64 i = 0; i < 4; ++i) {
        EXPECT_EQ(world.machine().m2p[mfn + i], 20 + i);
        EXPECT_EQ(guest.update_va_mapping(Guest::va(20 + i), Pte::make(Mfn{mfn + i}, rw).raw), 0);
    }
}

TEST_F(MemoryOp, FailedExchangeChangesNothing) {
    for (u64 pfn = 20; pfn < 24; ++pfn) ASSERT_EQ(guest.update_va_mapping(Guest::va(pfn), 0), 0);
    u64 in = list({guest.mfn(20).value, guest.mfn(21).value, guest.mfn(22).value, guest.mfn(23).value, 20});
    u64 place = guest.put(exchange(in, 0, 4, in + 32, 2, 1, 16));  // below 64 KiB there is no memory
    u64 const had = guest.domain().pages;
    EXPECT_EQ(guest.call(abi::hypercall::memory_op, {abi::memop::exchange, place}), err(Errno::nomem));
    EXPECT_EQ(guest.take<abi::MemoryExchange>().nr_exchanged, 0u);
    EXPECT_EQ(guest.domain().pages, had);
    EXPECT_EQ(guest.update_va_mapping(Guest::va(20), Pte::make(guest.mfn(20), rw).raw), 0);
    EXPECT_EQ(
        guest.call(abi::hypercall::memory_op, {abi::memop::exchange, guest.put(exchange(in, 0, 4, in + 32, 2, 1, 0))}),
        err(Errno::inval))
        << "frame 20 is mapped";
    EXPECT_EQ(
        guest.call(abi::hypercall::memory_op, {abi::memop::exchange, guest.put(exchange(in, 0, 3, in + 32, 2, 1, 0))}),
        err(Errno::inval));
    EXPECT_EQ(
        guest.call(abi::hypercall::memory_op, {abi::memop::exchange, guest.put(exchange(in, 0, 4, in + 32, 40, 1, 0))}),
        err(Errno::perm));
}

TEST_F(MemoryOp, AnExchangeWhoseNewFramesHaveNoPlaceChangesNothing) {
    for (u64 pfn = 20; pfn < 24; ++pfn) ASSERT_EQ(guest.update_va_mapping(Guest::va(pfn), 0), 0);
    u64 const in = list({guest.mfn(20).value, guest.mfn(21).value, guest.mfn(22).value, guest.mfn(23).value});
    u64 const had = guest.domain().pages;
    auto request = exchange(in, 0, 4, Guest::va(20), 2, 1, 0);  // which is mapped no more
    EXPECT_EQ(guest.call(abi::hypercall::memory_op, {abi::memop::exchange, guest.put(request)}), err(Errno::fault));
    EXPECT_EQ(guest.domain().pages, had);
    for (u64 pfn = 20; pfn < 24; ++pfn)
        EXPECT_EQ(guest.update_va_mapping(Guest::va(pfn), Pte::make(guest.mfn(pfn), rw).raw), 0) << pfn;
}

// What a builder does to write the first entries, for xenstore and the console.
TEST_F(MemoryOp, Dom0IsToldOfTheFramesOfAGrantTable) {
    Guest& dom0 = world.dom0();
    abi::MemAcquireResource request{.domid = guest.id(),
                                    .type = abi::resource::grant_table,
                                    .id = abi::resource::grant_table_shared,
                                    .nr_frames = 0,
                                    .pad = 0,
                                    .frame = 0,
                                    .frame_list = {0}};
    auto ask = [&](Guest& caller) {
        return caller.call(abi::hypercall::memory_op, {abi::memop::acquire_resource, caller.put(request)});
    };
    EXPECT_EQ(ask(guest), err(Errno::perm));
    EXPECT_EQ(ask(dom0), 0);
    u32 const limit = dom0.take<abi::MemAcquireResource>().nr_frames;
    EXPECT_EQ(limit, guest.domain().grants->max_frame_count());
    request.nr_frames = 2;
    EXPECT_EQ(ask(dom0), err(Errno::inval)) << "nowhere to tell it";
    request.frame_list = {Guest::va(20)};
    EXPECT_EQ(ask(dom0), 0);
    for (u32 i = 0; i < 2; ++i) EXPECT_EQ(dom0.frame(20)[i], guest.domain().grants->grown_to(i)->value);
    request.frame = limit - 1;
    EXPECT_EQ(ask(dom0), err(Errno::inval));
    request.frame = ~u64{0};
    EXPECT_EQ(ask(dom0), err(Errno::inval));
}

// One whose creation failed can be found until it is gone, and may have no grant table at all.
TEST_F(MemoryOp, ADomainThatEndsHasNoGrantTableToAskFor) {
    Guest& dom0 = world.dom0();
    abi::MemAcquireResource request{};
    request.domid = guest.id();
    request.type = abi::resource::grant_table;
    request.id = abi::resource::grant_table_shared;
    world.destroy(guest);
    EXPECT_EQ(dom0.call(abi::hypercall::memory_op, {abi::memop::acquire_resource, dom0.put(request)}),
              err(Errno::inval));
    abi::GnttabQuerySize size{};
    size.dom = guest.id();
    EXPECT_EQ(dom0.call(abi::hypercall::grant_table_op, {abi::gnttabop::query_size, dom0.put(size), 1}), 0);
    EXPECT_EQ(dom0.take<abi::GnttabQuerySize>().status, abi::gntst::bad_domain);
}

// What a toolstack does so that two builders do not run out of memory halfway.
struct Claims : MemoryOp {
    Guest& other = world.add_guest(64, 1);

    i64 claim(Domid domid, u64 pages, Guest& caller) {
        abi::MemoryReservation request{};
        request.nr_extents = pages;
        request.domid = domid;
        return caller.call(abi::hypercall::memory_op, {abi::memop::claim_pages, caller.put(request)});
    }
    i64 claim(u64 pages) { return claim(guest.id(), pages, world.dom0()); }
    // All that is left is claimed for the guest, which may have it.
    void claim_everything() {
        guest.domain().max_pages = other.domain().max_pages = ~u64{0};
        ASSERT_EQ(claim(guest.domain().pages + free_frame_count()), 0);
        ASSERT_EQ(claimed_frame_count(), free_frame_count());
    }
};

TEST_F(Claims, AreNotForOthers) {
    claim_everything();
    EXPECT_EQ(alloc_domain_frames(other.domain(), 0).error(), Errno::nomem);
    EXPECT_EQ(alloc_heap(0), nullptr) << "nor for the hypervisor itself";
    EXPECT_EQ(claim(other.id(), other.domain().pages + 1, world.dom0()), err(Errno::nomem));
    u64 const before = claimed_frame_count();
    ASSERT_TRUE(alloc_domain_frames(guest.domain(), 2));
    EXPECT_EQ(claimed_frame_count(), before - 4);
    EXPECT_EQ(guest.domain().claimed_pages, before - 4);
    EXPECT_EQ(alloc_domain_frames(other.domain(), 0).error(), Errno::nomem);
    EXPECT_EQ(claim(0), 0);
    EXPECT_TRUE(alloc_domain_frames(other.domain(), 0));
}

TEST_F(Claims, AreSpentByWhatIsGotAndGrowByWhatIsGivenBack) {
    guest.domain().max_pages = guest.domain().pages + 4;
    ASSERT_EQ(claim(guest.domain().pages + 4), 0);
    u64 const mfn = guest.mfn(20).value;
    ASSERT_EQ(guest.update_va_mapping(Guest::va(20), 0), 0);
    ASSERT_EQ(reserve(abi::memop::decrease_reservation, list({mfn}), 1), 1);
    EXPECT_EQ(guest.domain().claimed_pages, 5u);
    EXPECT_FALSE(alloc_domain_frames(guest.domain(), 3)) << "more than it may have";
    EXPECT_EQ(guest.domain().claimed_pages, 5u) << "what failed has spent nothing";
    EXPECT_FALSE(alloc_domain_frames(guest.domain(), 0, 13)) << "nothing is that low";
    EXPECT_EQ(guest.domain().claimed_pages, 5u);
    for (u64 left = 5; left-- > 0;) {
        ASSERT_TRUE(alloc_domain_frames(guest.domain(), 0));
        EXPECT_EQ(guest.domain().claimed_pages, left);
    }
    guest.domain().max_pages += 1;
    EXPECT_TRUE(alloc_domain_frames(guest.domain(), 0)) << "without a claim as ever";
}

TEST_F(Claims, OneAtATimeForMoreThanThereIsAndNotForMoreThanMayBe) {
    u64 const owned = guest.domain().pages;
    guest.domain().max_pages = owned + 10;
    EXPECT_EQ(claim(owned), err(Errno::inval));
    EXPECT_EQ(claim(owned + 11), err(Errno::inval));
    EXPECT_EQ(claim(0), 0) << "none to give up is fine";
    EXPECT_EQ(claim(owned + 10), 0);
    EXPECT_EQ(claim(owned + 5), err(Errno::inval));
    EXPECT_EQ(guest.domain().claimed_pages, 10u);
    EXPECT_EQ(claim(0), 0);
    EXPECT_EQ(claimed_frame_count(), 0u);
    guest.domain().max_pages = ~u64{0};
    EXPECT_EQ(claim(~u64{0}), err(Errno::nomem));
    EXPECT_EQ(claim(guest.id(), owned + 1, guest), err(Errno::perm));
    EXPECT_EQ(claim(Domid{999}, 1, world.dom0()), err(Errno::inval));
    abi::MemoryReservation request{};
    request.domid = guest.id();
    request.nr_extents = owned + 1;
    request.extent_order = 1;
    Guest& dom0 = world.dom0();
    EXPECT_EQ(dom0.call(abi::hypercall::memory_op, {abi::memop::claim_pages, dom0.put(request)}), err(Errno::inval));
    request.extent_order = 0;
    request.extent_start = {Guest::va(20)};
    EXPECT_EQ(dom0.call(abi::hypercall::memory_op, {abi::memop::claim_pages, dom0.put(request)}), err(Errno::inval));
}

TEST_F(Claims, AreWhatTheyWereAfterAnExchange) {
    u64 const owned = guest.domain().pages;
    guest.domain().max_pages = owned + 4;
    ASSERT_EQ(claim(owned + 4), 0);
    for (u64 pfn = 20; pfn < 24; ++pfn) ASSERT_EQ(guest.update_va_mapping(Guest::va(pfn), 0), 0);
    u64 const in = list({guest.mfn(20).value, guest.mfn(21).value, guest.mfn(22).value, guest.mfn(23).value, 20});
    u64 const place = guest.put(exchange(in, 0, 4, in + 32, 2, 1, 0));
    EXPECT_EQ(guest.call(abi::hypercall::memory_op, {abi::memop::exchange, place}), 0);
    EXPECT_EQ(guest.domain().pages, owned);
    EXPECT_EQ(guest.domain().claimed_pages, 4u);
}

// The toolstack lowers what the domain may have while it is getting something.
TEST_F(Claims, AreSpentForWhatIsGotAndForNothingElse) {
    u64 const owned = guest.domain().pages;
    guest.domain().max_pages = owned + 4;
    ASSERT_EQ(claim(owned + 4), 0);
    world.machine().meanwhile = [&] { guest.domain().max_pages = owned; };
    bool const got = bool{alloc_domain_frames(guest.domain(), 0)};
    world.machine().meanwhile = {};
    EXPECT_EQ(guest.domain().pages, owned + got);
    EXPECT_EQ(guest.domain().claimed_pages + got, 4u);
    EXPECT_FALSE(alloc_domain_frames(guest.domain(), 0));
    EXPECT_EQ(guest.domain().pages, owned + got);
}

TEST_F(Claims, EndWithTheDomain) {
    claim_everything();
    while (!destroy_domain(guest.domain())) {}
    EXPECT_EQ(claimed_frame_count(), 0u);
    EXPECT_EQ(claim(guest.domain().pages + 1), err(Errno::inval)) << "a dying domain claims nothing";
    EXPECT_TRUE(alloc_domain_frames(other.domain(), 0));
}

abi::ForeignMemoryMap map_of(Guest& guest, u32 entries, u64 at) {
    abi::ForeignMemoryMap request{};
    request.domid = guest.id();
    request.map.nr_entries = entries;
    request.map.buffer = {at};
    return request;
}

// Two tools at once: one page is kept, and no other one is lost.
TEST_F(MemoryOp, AMapThatIsSetTwiceAtOnceIsOne) {
    Guest& dom0 = world.dom0();
    auto const set = [&] {
        u64 const place = dom0.put(map_of(guest, 1, Guest::va(20)));
        return dom0.call(abi::hypercall::memory_op, {abi::memop::set_memory_map, place});
    };
    u64 const free_before = free_frame_count();
    world.machine().meanwhile = [&] { EXPECT_EQ(set(), 0); };
    EXPECT_EQ(set(), 0);
    world.machine().meanwhile = {};
    EXPECT_EQ(free_frame_count(), free_before - 1);
    abi::MemoryMap told{.nr_entries = 4, .pad = 0, .buffer = {Guest::va(21)}};
    EXPECT_EQ(guest.call(abi::hypercall::memory_op, {abi::memop::memory_map, guest.put(told)}), 0);
    EXPECT_EQ(guest.take<abi::MemoryMap>().nr_entries, 1u);
}

TEST_F(MemoryOp, AMapThatCannotBeReadLeavesTheOneThatIsThere) {
    Guest& dom0 = world.dom0();
    for (u64 const at : {Guest::va(20), u64{0x1000}}) {
        u64 const place = dom0.put(map_of(guest, 1, at));
        i64 const expected = at == 0x1000 ? err(Errno::fault) : 0;
        EXPECT_EQ(dom0.call(abi::hypercall::memory_op, {abi::memop::set_memory_map, place}), expected);
        EXPECT_EQ(guest.domain().memory_map_entries, 1u);
    }
}

TEST_F(MemoryOp, MachineMapIsForDom0) {
    EXPECT_EQ(guest.call(abi::hypercall::memory_op, {abi::memop::machine_memory_map, 0}), err(Errno::perm));
    EXPECT_EQ(guest.call(abi::hypercall::memory_op, {abi::memop::memory_map, 0}), err(Errno::nosys));
    EXPECT_EQ(guest.call(abi::hypercall::memory_op, {63, 0}), err(Errno::nosys));
}
