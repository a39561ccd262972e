// SPDX-License-Identifier: MIT
// How much a call does between two questions whether it should stop: where it asks interrupts come in. The measure is
// how often the hypervisor goes to a frame, which is once for a table of 512 entries and once for a page to be cleared.
#include "core/grant/table.hpp"
#include "core/hal/cpu.hpp"
#include "core/hal/memory.hpp"
#include "core/mm/descriptor.hpp"
#include "core/mm/page_alloc.hpp"
#include "core/mm/tlb_clock.hpp"
#include "hosted/world.hpp"
#include "public/grant_table.hpp"
#include "public/hypercall.hpp"
#include "public/memory.hpp"
#include "public/mmu.hpp"

#include <gtest/gtest.h>

using namespace hosted;

namespace {
constexpr u32 a_few = 8;   // tables
constexpr u32 pages = 80;  // that are cleared
constexpr u32 table_count = 200;
constexpr u64 upper = 8, other = 9, first = 10;  // pfns: a level-2 table, a level-1 table, and many of level 1

struct Questions : testing::Test {
    World world;
    Guest& guest = world.add_guest(320, 2);

    void TearDown() override {
        world.machine().preempt_after = 0;
        guest.finish(0);
        guest.finish(1);
        EXPECT_EQ(world.mismatches(), 0u);
    }

    void make_tables(u64 entries) {
        for (u64 i = 0; i < table_count; ++i) {
            for (u64 slot = 0; slot < entries; ++slot)
                guest.frame(first + i)[slot] = Pte::make(guest.mfn(300 + slot % 8), rw).raw;
            ASSERT_EQ(guest.protect(first + i), 0);
        }
    }
    // vCPU 0 gives up a tree of the tables, and is preempted when the upper one has no entries left and those under it
    // are queued.
    void leave_tables_half_given_up() {
        for (u64 i = 0; i < table_count; ++i) guest.frame(upper)[i] = Pte::make(guest.mfn(first + i), rw).raw;
        ASSERT_EQ(guest.protect(upper), 0);
        ASSERT_EQ(guest.pin(2, guest.mfn(upper)), 0);
        guest.preemptible = true;
        world.machine().asked = 0;
        world.machine().preempt_after = table_count + (entries_per_table - table_count) / 8;  // it skips eight at once
        ASSERT_EQ(guest.unpin(guest.mfn(upper)), 0);
        world.machine().preempt_after = 0;
        for (u64 i = 0; i < table_count; ++i) {
            PageInfo const& page = page_of(guest.mfn(first + i));
            ASSERT_TRUE(page.uses() == 0 && (page.prefix() != 0 || i == 0)) << i;
        }
    }
    void make_other() {
        for (u64 i = 0; i < table_count; ++i) guest.frame(other)[i] = Pte::make(guest.mfn(first + i), rw).raw;
        ASSERT_EQ(guest.protect(other), 0);
    }
    void start_count() { world.machine().visits = world.machine().most_visits = 0; }
    u32 most() { return world.machine().most_visits; }
};

// One vCPU is not yet through with a tree that it has given up, when the other one makes the same frames writable.
TEST_F(Questions, TablesThatAnotherVcpuHasYetToGiveUp) {
    make_tables(4);
    make_other();
    leave_tables_half_given_up();
    start_count();
    guest.active = 1;
    EXPECT_EQ(guest.pin(1, guest.mfn(other)), 0);
    EXPECT_LE(most(), a_few);
    EXPECT_EQ(guest.unpin(guest.mfn(other)), 0);
}

TEST_F(Questions, ACallThatIsPreemptedWheneverItAsksComesToItsEnd) {
    make_tables(4);
    make_other();
    leave_tables_half_given_up();
    world.machine().preempt_after = 1;
    guest.preemptible = false;
    guest.active = 1;
    EXPECT_EQ(guest.pin(1, guest.mfn(other)), 0);
    EXPECT_EQ(guest.unpin(guest.mfn(other)), 0);
}

// A second vCPU gives frames up as tables, each just before a new table of the first one makes it writable: so each of
// them needs a flush, for which this CPU waits.
TEST_F(Questions, ATableWhoseFramesAllNeedAFlush) {
    make_tables(0);
    for (u64 i = 0; i < table_count; ++i) {
        ASSERT_EQ(guest.pin(1, guest.mfn(first + i)), 0);
        ASSERT_EQ(guest.unpin(guest.mfn(first + i)), 0);
    }
    make_other();
    guest.domain().dirty_cpus = {};
    guest.domain().dirty_cpus.set(1);
    hal::flush_tlb(guest.domain().dirty_cpus);
    for (u32 i = 0; i < table_count; ++i) page_of(guest.mfn(first + i)).stamp = tlb::stamp_now() + i;
    u64 const flushes = world.machine().remote_flushes;
    u64 last = flushes, most_flushes = 0;
    auto const note = [&] {
        u64 const now = world.machine().remote_flushes;
        most_flushes = std::max(most_flushes, now - std::exchange(last, now));
    };
    world.machine().when_asked = note;
    world.machine().preempt_after = 1;
    EXPECT_EQ(guest.pin(1, guest.mfn(other)), 0);
    note();
    world.machine().when_asked = {};
    world.machine().preempt_after = 0;
    EXPECT_GE(world.machine().remote_flushes - flushes, table_count);
    EXPECT_LE(most_flushes, a_few);
    EXPECT_EQ(guest.unpin(guest.mfn(other)), 0);
}

TEST_F(Questions, RequestsThatEachTakeATable) {
    make_tables(4);
    ASSERT_EQ(guest.protect(upper), 0);
    ASSERT_EQ(guest.pin(2, guest.mfn(upper)), 0);
    auto* const requests = reinterpret_cast<abi::MmuUpdate*>(guest.frame(other));
    for (u64 i = 0; i < 64; ++i)
        requests[i] = {.ptr = (guest.mfn(upper).value << page_shift) + i * 8,
                       .val = Pte::make(guest.mfn(first + i), rw).raw};
    start_count();
    EXPECT_EQ(guest.call(abi::hypercall::mmu_update, {Guest::va(other), 64, 0, abi::domid_self.value}), 0);
    EXPECT_LE(most(), a_few);
    for (u64 i = 0; i < 64; ++i) EXPECT_EQ(page_of(guest.mfn(first + i)).kind(), PageType::l1) << i;
}

TEST_F(Questions, AGrantTableThatGrowsAtOnce) {
    abi::GnttabSetupTable op{};
    op.dom = abi::domid_self;
    op.nr_frames = 64;
    op.frame_list = {Guest::va(other)};
    start_count();
    EXPECT_EQ(guest.call(abi::hypercall::grant_table_op, {abi::gnttabop::setup_table, guest.put(op), 1}), 0);
    EXPECT_EQ(guest.take<abi::GnttabSetupTable>().status, abi::gntst::okay);
    EXPECT_LE(most(), pages);
}

TEST_F(Questions, AnExtentOf2MiB) {
    abi::MemoryReservation request{};
    u64 const pfn = 1000;
    request.extent_start = {guest.put(pfn, 256)};
    request.nr_extents = 1;
    request.extent_order = 9;
    request.domid = abi::domid_self;
    guest.domain().max_pages = 2000;
    start_count();
    EXPECT_EQ(guest.call(abi::hypercall::memory_op, {abi::memop::populate_physmap, guest.put(request)}), 1);
    EXPECT_LE(most(), pages);
}

// As a kernel gives back memory that was contiguous for a device: one extent for as many frames as it has.
TEST_F(Questions, AnExchangeOfAnExtentForSingleFrames) {
    guest.domain().max_pages = 2000;
    auto* const list = reinterpret_cast<u64*>(guest.frame(other));
    list[0] = 1000;
    abi::MemoryReservation request{};
    request.extent_start = {Guest::va(other)};
    request.nr_extents = 1;
    request.extent_order = 9;
    request.domid = abi::domid_self;
    ASSERT_EQ(guest.call(abi::hypercall::memory_op, {abi::memop::populate_physmap, guest.put(request)}), 1);
    u64 const extent = list[0];
    for (u64 i = 0; i < 512; ++i) list[i] = 1000 + i;
    abi::MemoryExchange exchange{};
    exchange.in = request;
    exchange.in.extent_start = {guest.put(extent, 256)};
    exchange.out = request;
    exchange.out.nr_extents = 512;
    exchange.out.extent_order = 0;
    start_count();
    EXPECT_EQ(guest.call(abi::hypercall::memory_op, {abi::memop::exchange, guest.put(exchange)}), 0);
    EXPECT_LE(most(), pages);
    for (u64 i = 0; i < 512; ++i) EXPECT_EQ(m2p_table[list[i]], 1000 + i) << i;
}

// A large extent of dom0's gets its owner bit by bit.
TEST_F(Questions, AnExtentOf4MiB) {
    Guest& dom0 = world.dom0();
    dom0.domain().max_pages = ~u64{0};
    abi::MemoryReservation request{};
    u64 const pfn = 10'000;
    request.extent_start = {dom0.put(pfn, 256)};
    request.nr_extents = 1;
    request.extent_order = 10;
    request.domid = abi::domid_self;
    u64 last = dom0.domain().live_frames, most_linked = 0;
    auto const note = [&] {
        u64 const now = dom0.domain().live_frames;
        most_linked = std::max(most_linked, now - std::exchange(last, now));
    };
    world.machine().when_asked = note;
    EXPECT_EQ(dom0.call(abi::hypercall::memory_op, {abi::memop::populate_physmap, dom0.put(request)}), 1);
    note();
    EXPECT_LE(most_linked, 512u);
    EXPECT_EQ(dom0.domain().pages, dom0.pages() + 1024);
}

// It begins to die when a part of an extent is its own already: all of it is free in the end.
TEST_F(Questions, AnExtentForADomainThatBeginsToDie) {
    std::vector<u64> freed;
    for (Limit const limit : {Limit::enforced, Limit::lifted}) {
        Guest& dying = world.add_guest();
        dying.domain().max_pages = ~u64{0};
        u64 const free_before = free_frame_count(), live_before = dying.domain().live_frames;
        world.machine().when_asked = [&] {
            if (dying.domain().live_frames > live_before + 300) dying.domain().state = DomainState::dying;
        };
        EXPECT_FALSE(alloc_domain_frames(dying.domain(), 10, any_address_bits, limit));
        world.machine().when_asked = {};
        EXPECT_EQ(free_frame_count(), free_before - (limit == Limit::enforced ? 512 : 0));
        dying.domain().state = DomainState::alive;
        world.destroy(dying);
        dying.drop();
        freed.push_back(free_frame_count() - free_before);
    }
    EXPECT_EQ(freed[0], freed[1]);
}

// A mapping cannot be gone on with as a call can: who maps tries again, as Linux does.
TEST_F(Questions, AGrantOfATableThatIsYetToBeGivenUp) {
    make_tables(4);
    leave_tables_half_given_up();
    Guest& mapper = world.add_guest();
    auto* const entries = reinterpret_cast<abi::GrantEntryV1*>(hal::map(*guest.domain().grants->grown_to(0)));
    entries[8] = {
        .flags = abi::gtf::permit_access, .domid = mapper.id(), .frame = static_cast<u32>(guest.mfn(first).value)};
    abi::GnttabMapGrantRef op{};
    op.flags = abi::gntmap::device_map;
    op.ref = GrantRef{8};
    op.dom = guest.id();
    auto map = [&] {
        EXPECT_EQ(mapper.call(abi::hypercall::grant_table_op, {abi::gnttabop::map_grant_ref, mapper.put(op), 1}), 0);
        return mapper.take<abi::GnttabMapGrantRef>().status;
    };
    world.machine().preempt_after = 1;
    EXPECT_EQ(map(), abi::gntst::eagain);
    EXPECT_EQ(entries[8].flags, abi::gtf::permit_access);
    EXPECT_EQ(map(), abi::gntst::eagain) << "the flush is a step of its own";
    EXPECT_EQ(map(), abi::gntst::okay);
    EXPECT_EQ(page_of(guest.mfn(first)).kind(), PageType::writable);
    world.machine().preempt_after = 0;
}

// However often it is asked to stop, each call must have done something.
TEST_F(Questions, AnEndThatIsPreemptedWheneverItAsksComesToItsEnd) {
    Guest& mapper = world.add_guest();
    auto* const entries = reinterpret_cast<abi::GrantEntryV1*>(hal::map(*guest.domain().grants->grown_to(0)));
    constexpr u32 mappings = 20;
    abi::GnttabMapGrantRef op{};
    op.flags = abi::gntmap::device_map;
    op.dom = guest.id();
    for (u32 ref = 8; ref < 8 + mappings; ++ref) {
        entries[ref] = {.flags = abi::gtf::permit_access,
                        .domid = mapper.id(),
                        .frame = static_cast<u32>(guest.mfn(first + ref).value)};
        op.ref = GrantRef{ref};
        EXPECT_EQ(mapper.call(abi::hypercall::grant_table_op, {abi::gnttabop::map_grant_ref, mapper.put(op), 1}), 0);
        EXPECT_EQ(mapper.take<abi::GnttabMapGrantRef>().status, abi::gntst::okay);
    }
    world.machine().preempt_after = 1;
    bool ended = false;
    for (u32 tries = 0; tries < 10'000 && !ended; ++tries) ended = destroy_domain(mapper.domain());
    world.machine().preempt_after = 0;
    EXPECT_TRUE(ended);
}

// The page of an LDT is still being given up as a table: the fault is not the guest's.
TEST_F(Questions, APageOfAnLdtThatIsNotReadyYet) {
    make_tables(0);
    leave_tables_half_given_up();
    Vcpu& vcpu = guest.vcpu(1);
    world.machine().current = &vcpu;
    vcpu.ldt_base = Guest::va(first);
    vcpu.ldt_entries = 16;
    world.machine().preempt_after = 1;
    EXPECT_EQ(load_ldt_page(vcpu, 0).error(), Errno::again) << "the instruction is to be tried again";
    for (u32 tries = 0; tries < 4 && vcpu.ldt_frames[0].value == 0; ++tries)
        EXPECT_NE(load_ldt_page(vcpu, 0).error(), Errno::fault);
    EXPECT_EQ(vcpu.ldt_frames[0], guest.mfn(first));
    release_ldt(vcpu);
    world.machine().current = nullptr;
}

// The same where the table is set: the guest counts on its pages from there on.
TEST_F(Questions, AnLdtWhosePageIsNotReadyYetIsSetAgain) {
    make_tables(0);
    leave_tables_half_given_up();
    Vcpu& vcpu = guest.vcpu(1);
    world.machine().current = &vcpu;
    world.machine().preempt_after = 1;
    Result<> set = set_ldt(vcpu, Guest::va(first), 16);
    EXPECT_EQ(set.error(), Errno::again);
    EXPECT_EQ(vcpu.ldt_entries, 0u) << "nothing has changed";
    for (u32 tries = 0; tries < 4 && !set; ++tries) set = set_ldt(vcpu, Guest::va(first), 16);
    EXPECT_TRUE(set);
    EXPECT_EQ(vcpu.ldt_frames[0], guest.mfn(first));
    EXPECT_EQ(load_ldt_page_of(vcpu, 1 << 3 | 7).error(), Errno::fault) << "it is there";
    EXPECT_EQ(load_ldt_page_of(vcpu, 1 << 3 | 3).error(), Errno::fault) << "a selector of the GDT";
    release_ldt(vcpu);
    world.machine().current = nullptr;
}
}  // namespace
