// SPDX-License-Identifier: MIT
#include "public/multicall.hpp"

#include "hosted/world.hpp"
#include "public/hypercall.hpp"
#include "public/memory.hpp"
#include "public/mmu.hpp"
#include "public/version.hpp"

#include <gtest/gtest.h>

namespace hosted {
namespace {
using abi::MulticallEntry;

struct Multicall : testing::Test {
    World world;
    Guest& guest = world.dom0();
    // Entries lie in a frame of their own; the scratch frame stays free for arguments.
    static constexpr u64 list_pfn = 20;

    MulticallEntry* list() { return reinterpret_cast<MulticallEntry*>(guest.frame(list_pfn)); }
    i64 run(u64 count) { return guest.call(abi::hypercall::multicall, {Guest::va(list_pfn), count}); }
    i64 result(u32 index) { return static_cast<i64>(list()[index].result); }
};

MulticallEntry version() { return {.op = abi::hypercall::xen_version, .result = 0, .args = {abi::xenver::version}}; }

TEST_F(Multicall, RunsEveryEntryAndStoresEachResult) {
    for (u32 i = 0; i < 32; ++i) list()[i] = version();
    EXPECT_EQ(run(32), 0);
    for (u32 i = 0; i < 32; ++i) EXPECT_EQ(result(i), 4 << 16 | 17);
}

TEST_F(Multicall, AnEmptyListIsFine) { EXPECT_EQ(run(0), 0); }

TEST_F(Multicall, GoesOnAfterAFailure) {
    list()[0] = {.op = 11, .result = 0, .args = {}};
    list()[1] = {.op = abi::hypercall::update_va_mapping, .result = 0, .args = {0xffff'8000'0000'0000, 0, 0}};
    list()[2] = version();
    EXPECT_EQ(run(3), 0);
    EXPECT_EQ(result(0), err(Errno::nosys));
    EXPECT_LT(result(1), 0);
    EXPECT_EQ(result(2), 4 << 16 | 17);
}

TEST_F(Multicall, OneInAnotherIsRefused) {
    list()[0] = {.op = abi::hypercall::multicall, .result = 0, .args = {Guest::va(list_pfn), 1}};
    list()[1] = {.op = abi::hypercall::iret, .result = 0, .args = {}};
    list()[2] = version();
    EXPECT_EQ(run(3), 0);
    EXPECT_EQ(result(0), err(Errno::inval));
    EXPECT_EQ(result(1), 0) << "an iret ends the batch";
    EXPECT_EQ(result(2), 0);
}

TEST_F(Multicall, AListOutsideOfGuestMemoryIsAFault) {
    EXPECT_EQ(guest.call(abi::hypercall::multicall, {0xffff'8000'0000'0000, 1}), err(Errno::fault));
    EXPECT_EQ(guest.call(abi::hypercall::multicall, {Guest::va(list_pfn), ~u64{0}}), err(Errno::fault));
    EXPECT_EQ(guest.call(abi::hypercall::multicall, {0x1000, 1}), err(Errno::fault));
}

TEST_F(Multicall, AListThatEndsInAReadOnlyPageIsAFaultThere) {
    ASSERT_EQ(guest.protect(list_pfn + 1), 0);
    u64 const start = Guest::va(list_pfn + 1) - sizeof(MulticallEntry);
    auto* first =
        reinterpret_cast<MulticallEntry*>(reinterpret_cast<std::byte*>(guest.frame(list_pfn)) + page_size) - 1;
    *first = version();
    *reinterpret_cast<MulticallEntry*>(guest.frame(list_pfn + 1)) = version();
    EXPECT_EQ(guest.call(abi::hypercall::multicall, {start, 2}), err(Errno::fault));
    EXPECT_EQ(static_cast<i64>(first->result), 4 << 16 | 17);
}

TEST_F(Multicall, APreemptedBatchGoesOnWhereItStopped) {
    world.machine().preempt_after = 2;
    for (u32 i = 0; i < 32; ++i) list()[i] = version();
    EXPECT_EQ(run(32), 0);
    for (u32 i = 0; i < 32; ++i) EXPECT_EQ(result(i), 4 << 16 | 17) << i;
}

TEST_F(Multicall, APreemptedEntryIsMadeAgainFromWhereItStopped) {
    constexpr u32 count = 20;
    auto* const pfns = guest.frame(list_pfn + 1);
    for (u64 i = 0; i < count; ++i) pfns[i] = 100 + i;
    abi::MemoryReservation request{};
    request.extent_start = {Guest::va(list_pfn + 1)};
    request.nr_extents = count;
    request.domid = abi::domid_self;
    list()[0] = {
        .op = abi::hypercall::memory_op, .result = 0, .args = {abi::memop::populate_physmap, guest.put(request)}};
    list()[1] = version();
    u64 const had = guest.domain().pages;
    world.machine().preempt_after = 1;
    EXPECT_EQ(run(2), 0);
    world.machine().preempt_after = 0;
    EXPECT_EQ(result(0), count);
    EXPECT_EQ(result(1), 4 << 16 | 17);
    EXPECT_EQ(guest.domain().pages, had + count) << "no extent twice";
    for (u64 i = 0; i < count; ++i) EXPECT_EQ(world.machine().m2p[pfns[i]], 100 + i) << i;
}

TEST_F(Multicall, UnpinningAndMakingWritableWorkInOneBatch) {
    constexpr u64 table = 30;
    ASSERT_EQ(guest.protect(table), 0);
    ASSERT_EQ(guest.pin(1, guest.mfn(table)), 0);
    abi::MmuextOp op{};
    op.cmd = 4;  // MMUEXT_UNPIN_TABLE
    op.arg1.mfn = guest.mfn(table);
    list()[0] = {.op = abi::hypercall::mmuext_op, .result = 0, .args = {guest.put(op), 1, 0, abi::domid_self.value}};
    list()[1] = {.op = abi::hypercall::update_va_mapping,
                 .result = 0,
                 .args = {Guest::va(table), Pte::make(guest.mfn(table), rw).raw, 0}};
    world.machine().preempt_after = 3;
    EXPECT_EQ(run(2), 0);
    EXPECT_EQ(result(0), 0);
    EXPECT_EQ(result(1), 0);
    world.machine().preempt_after = 0;
    EXPECT_EQ(world.mismatches(), 0u);
}

TEST(Dispatch, UnknownNumbersDoNotExist) {
    World world;
    for (u32 number : {11u, 27u, 31u, 34u, 63u, 64u, 1000u, ~0u})
        EXPECT_EQ(world.dom0().call(number), err(Errno::nosys)) << number;
    EXPECT_EQ(world.dom0().call(abi::hypercall::xenpmu_op), err(Errno::opnotsupp)) << "which keeps Linux quiet";
}
}  // namespace
}  // namespace hosted
