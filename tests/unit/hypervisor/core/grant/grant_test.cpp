// SPDX-License-Identifier: MIT
#include "core/grant/table.hpp"
#include "core/hal/memory.hpp"
#include "core/mm/heap.hpp"
#include "core/sched/scheduler.hpp"
#include "hosted/world.hpp"
#include "public/grant_table.hpp"
#include "public/hypercall.hpp"

#include <gtest/gtest.h>

using namespace hosted;
using Status = abi::gntst::Status;

namespace {
struct Grant : testing::Test {
    World world;
    Guest& granter = world.add_guest();
    Guest& mapper = world.add_guest(64, 2);

    void SetUp() override {
        ASSERT_EQ(mapper.update_va_mapping(Guest::va(20), 0), 0);
        ASSERT_EQ(mapper.update_va_mapping(Guest::va(21), 0), 0);
    }
    void TearDown() override { EXPECT_EQ(world.mismatches(), 0u); }

    abi::GrantEntryV1& entry(u32 ref) {
        auto mfn = granter.domain().grants->grown_to(0);
        return reinterpret_cast<abi::GrantEntryV1*>(hal::map(*mfn))[ref];
    }
    void grant(u32 ref, u64 pfn, u16 flags = abi::gtf::permit_access) {
        entry(ref) = {.flags = flags, .domid = mapper.id(), .frame = static_cast<u32>(granter.mfn(pfn).value)};
    }
    i16 map(u32 ref, u64 address, u32 flags = abi::gntmap::host_map) {
        abi::GnttabMapGrantRef op{};
        op.host_addr = address;
        op.flags = flags;
        op.ref = GrantRef{ref};
        op.dom = granter.id();
        EXPECT_EQ(mapper.call(abi::hypercall::grant_table_op, {abi::gnttabop::map_grant_ref, mapper.put(op), 1}), 0);
        last = mapper.take<abi::GnttabMapGrantRef>();
        return last.status;
    }
    i16 unmap(u32 handle, u64 address) {
        abi::GnttabUnmapGrantRef op{};
        op.host_addr = address;
        op.handle = abi::GrantHandle{handle};
        EXPECT_EQ(mapper.call(abi::hypercall::grant_table_op, {abi::gnttabop::unmap_grant_ref, mapper.put(op), 1}), 0);
        return mapper.take<abi::GnttabUnmapGrantRef>().status;
    }
    i16 replace(u32 handle, u64 address, u64 with) {
        abi::GnttabUnmapAndReplace op{};
        op.host_addr = address;
        op.new_addr = with;
        op.handle = abi::GrantHandle{handle};
        EXPECT_EQ(mapper.call(abi::hypercall::grant_table_op, {abi::gnttabop::unmap_and_replace, mapper.put(op), 1}),
                  0);
        return mapper.take<abi::GnttabUnmapAndReplace>().status;
    }
    abi::GnttabMapGrantRef last{};
};
}  // namespace

TEST_F(Grant, MapAndUnmap) {
    grant(8, 9);
    ASSERT_EQ(map(8, Guest::va(20)), Status::okay);
    EXPECT_EQ(last.dev_bus_addr, granter.mfn(9).value << page_shift);
    EXPECT_EQ(Pte{mapper.frame(3)[20]}.mfn(), granter.mfn(9));
    EXPECT_EQ(entry(8).flags & (abi::gtf::reading | abi::gtf::writing), abi::gtf::reading | abi::gtf::writing);
    EXPECT_EQ(granter.protect(9), 0);
    EXPECT_EQ(granter.pin(1, granter.mfn(9)), err(Errno::inval)) << "the mapper can write it";
    world.machine().remote_flushes = 0;
    EXPECT_EQ(unmap(last.handle.value, Guest::va(20)), Status::okay);
    EXPECT_GT(world.machine().remote_flushes, 0u);
    EXPECT_EQ(entry(8).flags & (abi::gtf::reading | abi::gtf::writing), 0);
    EXPECT_EQ(mapper.frame(3)[20], 0u);
    EXPECT_EQ(granter.pin(1, granter.mfn(9)), 0);
}

TEST_F(Grant, RefusesWhatWasNotGranted) {
    EXPECT_EQ(map(8, Guest::va(20)), Status::bad_gntref) << "no table yet";
    entry(8) = {};
    EXPECT_EQ(map(8, Guest::va(20)), Status::general_error) << "invalid entry";
    grant(8, 9, abi::gtf::permit_access | abi::gtf::readonly);
    EXPECT_EQ(map(8, Guest::va(20)), Status::general_error) << "writing to a read-only grant";
    EXPECT_EQ(map(8, Guest::va(20), 0), Status::bad_gntref);
    EXPECT_EQ(map(100'000, Guest::va(20)), Status::bad_gntref);
    entry(8).domid = abi::dom0;
    EXPECT_EQ(map(8, Guest::va(20), abi::gntmap::host_map | abi::gntmap::readonly), Status::general_error);
    grant(9, 3);
    EXPECT_EQ(map(9, Guest::va(20)), Status::general_error) << "a page table of the granter's";
    grant(10, 9);
    entry(10).frame = static_cast<u32>(world.dom0().mfn(9).value);
    EXPECT_EQ(map(10, Guest::va(20)), Status::bad_page) << "not the granter's page";
    EXPECT_EQ(map(10, hypervisor_start), Status::bad_page);
    grant(10, 9);
    EXPECT_EQ(map(10, hypervisor_start), Status::general_error);
    EXPECT_EQ(entry(10).flags, abi::gtf::permit_access) << "nothing stays marked in use";
}

TEST_F(Grant, ReadOnlyMapping) {
    grant(8, 9, abi::gtf::permit_access | abi::gtf::readonly);
    ASSERT_EQ(map(8, Guest::va(20), abi::gntmap::host_map | abi::gntmap::readonly), Status::okay);
    EXPECT_FALSE(Pte{mapper.frame(3)[20]}.is_writable());
    EXPECT_EQ(mapper.update_va_mapping(Guest::va(20), mapper.frame(3)[20] | Pte::writable), err(Errno::busy));
    EXPECT_EQ(unmap(last.handle.value, Guest::va(20)), Status::okay);
}

TEST_F(Grant, UnmapChecksHandleAndPlace) {
    grant(8, 9);
    ASSERT_EQ(map(8, Guest::va(20)), Status::okay);
    u32 const handle = last.handle.value;
    EXPECT_EQ(unmap(handle + 1, Guest::va(20)), Status::bad_handle);
    EXPECT_EQ(unmap(~0u, Guest::va(20)), Status::bad_handle);
    EXPECT_EQ(unmap(handle, Guest::va(22)), Status::general_error);
    EXPECT_EQ(unmap(handle, Guest::va(20)), Status::okay);
    EXPECT_EQ(unmap(handle, Guest::va(20)), Status::bad_handle);
}

TEST_F(Grant, ReplaceMovesWhatAnotherAddressMaps) {
    grant(8, 9);
    grant(9, 10, abi::gtf::permit_access | abi::gtf::readonly);
    ASSERT_EQ(map(8, Guest::va(20)), Status::okay);
    u32 const first = last.handle.value;
    ASSERT_EQ(map(9, Guest::va(21), abi::gntmap::host_map | abi::gntmap::readonly), Status::okay);
    u32 const second = last.handle.value;
    u64 const moved = mapper.frame(3)[20];

    EXPECT_EQ(replace(second, Guest::va(20), Guest::va(22)), Status::general_error) << "it is not mapped there";
    EXPECT_EQ(mapper.frame(3)[22], 0u) << "what was to replace it is lost";
    EXPECT_EQ(replace(second, Guest::va(21), Guest::va(20)), Status::okay);
    EXPECT_EQ(mapper.frame(3)[21], moved);
    EXPECT_EQ(mapper.frame(3)[20], 0u);
    EXPECT_EQ(replace(second, Guest::va(21), Guest::va(20)), Status::bad_handle);
    EXPECT_EQ(entry(9).flags & abi::gtf::reading, 0);
    EXPECT_EQ(granter.protect(9), 0);
    EXPECT_EQ(granter.pin(1, granter.mfn(9)), err(Errno::inval)) << "the mapper can still write it";
    EXPECT_EQ(replace(first, Guest::va(21), 0), Status::okay) << "no address: a plain unmap";
    EXPECT_EQ(mapper.frame(3)[21], 0u);
    EXPECT_EQ(granter.pin(1, granter.mfn(9)), 0);

    u64 const by_entry = abi::gntmap::host_map | abi::gntmap::contains_pte;
    u64 const place = mapper.mfn(3).value << page_shift | 21 * sizeof(u64);
    ASSERT_EQ(map(9, place, by_entry | abi::gntmap::readonly), Status::okay);
    EXPECT_EQ(replace(last.handle.value, place, Guest::va(23)), Status::general_error);
    EXPECT_EQ(unmap(last.handle.value, place), Status::okay);
}

TEST_F(Grant, SameReferenceTwiceAndThroughTheEntryAddress) {
    grant(8, 9);
    ASSERT_EQ(map(8, Guest::va(20)), Status::okay);
    u32 const first = last.handle.value;
    ASSERT_EQ(map(8, mapper.leaf_address(21).value, abi::gntmap::host_map | abi::gntmap::contains_pte), Status::okay);
    u32 const second = last.handle.value;
    EXPECT_EQ(unmap(first, Guest::va(20)), Status::okay);
    EXPECT_NE(entry(8).flags & abi::gtf::writing, 0) << "one mapping is left";
    EXPECT_EQ(unmap(second, Guest::va(21)), Status::general_error) << "made by entry, ended by entry";
    EXPECT_EQ(unmap(second, mapper.leaf_address(21).value), Status::okay);
    EXPECT_EQ(entry(8).flags & abi::gtf::writing, 0);
}

TEST_F(Grant, PageOutlivesAnEntryThatTheMapperTookAwayItself) {
    grant(8, 9);
    ASSERT_EQ(map(8, Guest::va(20)), Status::okay);
    ASSERT_EQ(mapper.update_va_mapping(Guest::va(20), 0), 0);
    EXPECT_EQ(world.mismatches(), 0u);
    EXPECT_EQ(unmap(last.handle.value, Guest::va(20)), Status::general_error);
    granter.protect(9);
    EXPECT_EQ(granter.pin(1, granter.mfn(9)), err(Errno::inval)) << "still granted and in use";
}

TEST_F(Grant, MappingsEndWithTheMapperAndTheGranter) {
    grant(8, 9);
    ASSERT_EQ(map(8, Guest::va(20)), Status::okay);
    world.destroy(mapper);
    EXPECT_EQ(entry(8).flags, abi::gtf::permit_access);
    Guest& third = world.add_guest();
    entry(8).domid = third.id();
    abi::GnttabMapGrantRef op{};
    third.update_va_mapping(Guest::va(20), 0);
    op.host_addr = Guest::va(20);
    op.flags = abi::gntmap::host_map;
    op.ref = GrantRef{8};
    op.dom = granter.id();
    third.call(abi::hypercall::grant_table_op, {abi::gnttabop::map_grant_ref, third.put(op), 1});
    ASSERT_EQ(third.take<abi::GnttabMapGrantRef>().status, Status::okay);
    Domid const id = granter.id();
    world.destroy(granter);
    granter.drop();
    EXPECT_TRUE(find_domain(id)) << "its page is mapped";
    EXPECT_EQ(world.mismatches(), 0u);
    world.destroy(third);
    third.drop();
    EXPECT_FALSE(find_domain(id));
}

TEST_F(Grant, CopyByReferenceAndByFrame) {
    grant(8, 9);
    std::memcpy(mapper.frame(10), "hello, granter", 15);
    abi::GnttabCopy op{};
    op.source.u.gmfn = Gfn{mapper.mfn(10).value};
    op.source.domid = abi::domid_self;
    op.dest.u.ref = GrantRef{8};
    op.dest.domid = granter.id();
    op.dest.offset = 100;
    op.len = 15;
    op.flags = abi::gntcopy::dest_gref;
    auto run = [&] {
        EXPECT_EQ(mapper.call(abi::hypercall::grant_table_op, {abi::gnttabop::copy, mapper.put(op), 1}), 0);
        return mapper.take<abi::GnttabCopy>().status;
    };
    EXPECT_EQ(run(), Status::okay);
    EXPECT_STREQ(reinterpret_cast<char*>(granter.frame(9)) + 100, "hello, granter");
    EXPECT_EQ(entry(8).flags, abi::gtf::permit_access);
    op.dest.offset = 4090;
    EXPECT_EQ(run(), Status::bad_copy_arg);
    op.dest.offset = 0;
    op.source.domid = granter.id();
    EXPECT_EQ(run(), Status::permission_denied);
    op.source.domid = abi::domid_self;
    grant(8, 9, abi::gtf::permit_access | abi::gtf::readonly);
    EXPECT_EQ(run(), Status::general_error);
}

TEST_F(Grant, ACopyIntoWhatTheGranterDoesNotOwnLeavesTheGrantFree) {
    grant(8, 9);
    entry(8).frame = static_cast<u32>(world.dom0().mfn(9).value);
    u64 const before = world.dom0().frame(9)[0];
    mapper.frame(10)[0] = ~before;
    abi::GnttabCopy op{};
    op.source.u.gmfn = Gfn{mapper.mfn(10).value};
    op.source.domid = abi::domid_self;
    op.dest.u.ref = GrantRef{8};
    op.dest.domid = granter.id();
    op.len = 8;
    op.flags = abi::gntcopy::dest_gref;
    EXPECT_EQ(mapper.call(abi::hypercall::grant_table_op, {abi::gnttabop::copy, mapper.put(op), 1}), 0);
    EXPECT_EQ(mapper.take<abi::GnttabCopy>().status, Status::bad_page);
    EXPECT_EQ(entry(8).flags, abi::gtf::permit_access);
    EXPECT_EQ(world.dom0().frame(9)[0], before);
}

// It was a page table, and nobody has written it since.
TEST_F(Grant, AFrameThatWasATableCanBeMappedToWrite) {
    ASSERT_EQ(granter.protect(9), 0);
    ASSERT_EQ(granter.pin(1, granter.mfn(9)), 0);
    ASSERT_EQ(granter.unpin(granter.mfn(9)), 0);
    grant(8, 9);
    ASSERT_EQ(map(8, Guest::va(20)), Status::okay);
    EXPECT_EQ(granter.pin(1, granter.mfn(9)), err(Errno::inval));
    EXPECT_EQ(unmap(last.handle.value, Guest::va(20)), Status::okay);
    EXPECT_EQ(granter.pin(1, granter.mfn(9)), 0);
}

TEST_F(Grant, TheTwoKindsOfAMappingEndOneByOne) {
    grant(8, 9);
    ASSERT_EQ(map(8, Guest::va(20), abi::gntmap::host_map | abi::gntmap::device_map), Status::okay);
    abi::GnttabUnmapGrantRef device{};
    device.handle = last.handle;
    device.dev_bus_addr = last.dev_bus_addr;
    EXPECT_EQ(unmap(last.handle.value, Guest::va(20)), Status::okay);
    EXPECT_EQ(mapper.frame(3)[20], 0u);
    EXPECT_NE(entry(8).flags & abi::gtf::writing, 0) << "the device may still write";
    EXPECT_EQ(mapper.call(abi::hypercall::grant_table_op, {abi::gnttabop::unmap_grant_ref, mapper.put(device), 1}), 0);
    EXPECT_EQ(mapper.take<abi::GnttabUnmapGrantRef>().status, Status::okay);
    EXPECT_EQ(entry(8).flags, abi::gtf::permit_access);
}

// One vCPU has taken the entry away and not flushed yet when another one ends what is left: the frame is not let go of
// before no processor remembers the entry.
TEST_F(Grant, TheSecondKindOfAMappingDoesNotEndBeforeTheFlushOfTheFirst) {
    Machine& machine = world.machine();
    CpuMask only;
    only.set(3);
    mapper.domain().pause_count = 0;
    ASSERT_TRUE(sched::set_affinity(mapper.vcpu(), only, only));
    grant(8, 9);
    ASSERT_EQ(granter.protect(9), 0);
    ASSERT_EQ(map(8, Guest::va(20), abi::gntmap::host_map | abi::gntmap::device_map), Status::okay);
    machine.enter(mapper.vcpu());
    ASSERT_NE(mapper.access(Guest::va(20), true), nullptr);

    auto* const device = reinterpret_cast<abi::GnttabUnmapGrantRef*>(mapper.frame(9));
    *device = {};
    device->handle = last.handle;
    device->dev_bus_addr = last.dev_bus_addr;
    u32 acted = 0;
    std::string danger;
    machine.meanwhile = [&] {
        if (mapper.frame(3)[20] || acted++) return;
        (void)mapper.call(abi::hypercall::grant_table_op, {abi::gnttabop::unmap_grant_ref, Guest::va(9), 1}, 1);
        (void)granter.pin(1, granter.mfn(9));
        danger = machine.translations.danger();
    };
    EXPECT_EQ(unmap(last.handle.value, Guest::va(20)), Status::okay);
    machine.meanwhile = {};
    EXPECT_GT(acted, 0u);
    EXPECT_EQ(danger, "");
    EXPECT_EQ(device->status, Status::okay);
}

// Preempted again and again, and with a place in between that is no entry.
TEST_F(Grant, ALongBatchOfEntries) {
    constexpr u32 count = 20, odd_one = 11;
    grant(8, 9);
    auto* const maps = reinterpret_cast<abi::GnttabMapGrantRef*>(mapper.frame(8));
    auto* const unmaps = reinterpret_cast<abi::GnttabUnmapGrantRef*>(mapper.frame(9));
    for (u32 i = 0; i < count; ++i) {
        ASSERT_EQ(mapper.update_va_mapping(Guest::va(20 + i), 0), 0);
        maps[i] = {};
        maps[i].host_addr = mapper.leaf_address(20 + i).value + (i == odd_one ? 4 : 0);
        maps[i].flags = abi::gntmap::host_map | abi::gntmap::contains_pte;
        maps[i].ref = GrantRef{8};
        maps[i].dom = granter.id();
    }
    world.machine().preempt_after = 1;
    EXPECT_EQ(mapper.call(abi::hypercall::grant_table_op, {abi::gnttabop::map_grant_ref, Guest::va(8), count}), 0);
    for (u32 i = 0; i < count; ++i) {
        EXPECT_EQ(maps[i].status, i == odd_one ? Status::general_error : Status::okay) << i;
        EXPECT_EQ(Pte{mapper.frame(3)[20 + i]}.is_present(), i != odd_one) << i;
        unmaps[i] = {maps[i].host_addr, 0, maps[i].handle, 99, 0};
    }
    EXPECT_EQ(world.mismatches(), 0u);
    unmaps[odd_one].handle = abi::GrantHandle{5000};
    EXPECT_EQ(mapper.call(abi::hypercall::grant_table_op, {abi::gnttabop::unmap_grant_ref, Guest::va(9), count}), 0);
    world.machine().preempt_after = 0;
    for (u32 i = 0; i < count; ++i) {
        EXPECT_EQ(unmaps[i].status, i == odd_one ? Status::bad_handle : Status::okay) << i;
        EXPECT_EQ(mapper.frame(3)[20 + i], 0u) << i;
    }
    EXPECT_EQ(entry(8).flags, abi::gtf::permit_access);
}

TEST_F(Grant, AMapperWithoutRoomForAnotherMapping) {
    destroy(mapper.domain().grants);
    mapper.domain().grants = make<GrantTable>(mapper.domain(), 1u, 0u);
    grant(8, 9);
    EXPECT_EQ(map(8, Guest::va(20)), Status::no_space);
    EXPECT_EQ(mapper.frame(3)[20], 0u);
    EXPECT_EQ(entry(8).flags, abi::gtf::permit_access);
}

TEST_F(Grant, DomidSelfGrantsNothingToMap) {
    grant(8, 9);
    abi::GnttabMapGrantRef op{};
    op.host_addr = Guest::va(20);
    op.flags = abi::gntmap::host_map;
    op.ref = GrantRef{8};
    op.dom = abi::domid_self;
    EXPECT_EQ(mapper.call(abi::hypercall::grant_table_op, {abi::gnttabop::map_grant_ref, mapper.put(op), 1}), 0);
    EXPECT_EQ(mapper.take<abi::GnttabMapGrantRef>().status, Status::bad_domain);
}

// More mappings than are ended at once, of both kinds, and a handle in between that is none.
// A tool is told the frames of a table, when another one ends the domain.
TEST_F(Grant, ATableThatIsRetiredMeanwhileHasNoFrames) {
    Guest& dom0 = world.dom0();
    ASSERT_TRUE(granter.domain().grants->grown_to(1));
    abi::GnttabSetupTable op{};
    op.dom = granter.id();
    op.nr_frames = 2;
    op.frame_list = {Guest::va(9)};
    world.machine().meanwhile = [&] { world.destroy(granter); };
    EXPECT_EQ(dom0.call(abi::hypercall::grant_table_op, {abi::gnttabop::setup_table, dom0.put(op), 1}), 0);
    world.machine().meanwhile = {};
    EXPECT_EQ(dom0.take<abi::GnttabSetupTable>().status, Status::bad_domain);
}

TEST_F(Grant, LongUnmapBatch) {
    constexpr u32 count = 120;
    grant(8, 9);
    u64 const batch = Guest::va(8);  // 120 structures of 24 bytes: not on the page that is granted
    auto* const ops = reinterpret_cast<abi::GnttabUnmapGrantRef*>(mapper.frame(8));
    for (u32 i = 0; i < count; ++i) {
        bool const host = i < 2;
        u32 const flags =
            (host ? abi::gntmap::host_map : abi::gntmap::device_map) | (i % 3 ? 0 : abi::gntmap::readonly);
        ASSERT_EQ(map(8, host ? Guest::va(20 + i) : 0, flags), Status::okay);
        ops[i] = {host ? Guest::va(20 + i) : 0, host ? 0 : granter.mfn(9).value << page_shift, last.handle, 99, 0};
    }
    auto const left = std::exchange(ops[60].handle, abi::GrantHandle{5000});
    EXPECT_EQ(mapper.call(abi::hypercall::grant_table_op, {abi::gnttabop::unmap_grant_ref, batch, count}), 0);
    for (u32 i = 0; i < count; ++i) EXPECT_EQ(ops[i].status, i == 60 ? Status::bad_handle : Status::okay) << i;
    EXPECT_EQ(entry(8).flags & abi::gtf::reading, abi::gtf::reading) << "one is left";
    ops[60].handle = left;
    EXPECT_EQ(
        mapper.call(abi::hypercall::grant_table_op, {abi::gnttabop::unmap_grant_ref, batch + 60 * sizeof *ops, 1}), 0);
    EXPECT_EQ(ops[60].status, Status::okay);
    EXPECT_EQ(entry(8).flags, abi::gtf::permit_access);
}

TEST_F(Grant, SwapsReferencesThatNobodyUses) {
    auto swap = [&](u32 a, u32 b) {
        abi::GnttabSwapGrantRef op{.ref_a = GrantRef{a}, .ref_b = GrantRef{b}, .status = 99, .pad = 0};
        EXPECT_EQ(granter.call(abi::hypercall::grant_table_op, {abi::gnttabop::swap_grant_ref, granter.put(op), 1}), 0);
        return granter.take<abi::GnttabSwapGrantRef>().status;
    };
    grant(8, 9);
    grant(9, 10, abi::gtf::permit_access | abi::gtf::readonly);
    EXPECT_EQ(swap(8, 9), Status::okay);
    EXPECT_EQ(entry(8).flags, abi::gtf::permit_access | abi::gtf::readonly);
    EXPECT_EQ(entry(9).frame, granter.mfn(9).value);
    ASSERT_EQ(map(9, Guest::va(20)), Status::okay);
    EXPECT_EQ(swap(8, 9), Status::eagain);
    EXPECT_EQ(swap(9, 8), Status::eagain);
    EXPECT_EQ(swap(9, 9), Status::okay);
    EXPECT_EQ(swap(9, 512), Status::bad_gntref);
    EXPECT_EQ(swap(1u << 31, 9), Status::bad_gntref);
    EXPECT_EQ(unmap(last.handle.value, Guest::va(20)), Status::okay);
    EXPECT_EQ(entry(9).flags, abi::gtf::permit_access);
}

TEST_F(Grant, NegativeCountsAreRefused) {
    for (u32 command : {0u, 1u, 5u, 7u, 11u})
        EXPECT_EQ(mapper.call(abi::hypercall::grant_table_op, {command, mapper.put(u64{0}), 1u << 31}),
                  err(Errno::inval));
}

TEST_F(Grant, EmptyUnmapBatchSucceeds) {
    EXPECT_EQ(mapper.call(abi::hypercall::grant_table_op, {abi::gnttabop::unmap_grant_ref, 0, 0}), 0);
    EXPECT_EQ(mapper.call(abi::hypercall::grant_table_op, {abi::gnttabop::transfer, 0, 0}), err(Errno::nosys));
}
