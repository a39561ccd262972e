// SPDX-License-Identifier: MIT
// What a guest may and may not do with its page tables.
#include "core/hal/memory.hpp"
#include "core/mm/entry.hpp"
#include "core/mm/page_alloc.hpp"
#include "core/mm/root.hpp"
#include "core/mm/stale_store.hpp"
#include "core/mm/tlb_clock.hpp"
#include "core/sched/scheduler.hpp"
#include "hosted/world.hpp"
#include "public/hypercall.hpp"
#include "public/mmu.hpp"

#include <gtest/gtest.h>

#include <utility>

using namespace hosted;

namespace {
struct PageTable : testing::Test {
    World world;
    Guest& guest = world.add_guest();

    void TearDown() override { EXPECT_EQ(world.mismatches(), 0u); }
    // A level-1 table at `pfn`, protected, with one entry mapping `target` with `flags` in slot 5.
    void make_l1(u64 pfn, u64 target, u64 flags) {
        guest.frame(pfn)[5] = Pte::make(guest.mfn(target), flags).raw;
        ASSERT_EQ(guest.protect(pfn), 0);
    }
};
}  // namespace

TEST_F(PageTable, PinNeedsThePageToBeReadOnlyEverywhere) {
    EXPECT_EQ(guest.pin(1, guest.mfn(10)), err(Errno::inval));
    ASSERT_EQ(guest.protect(10), 0);
    EXPECT_EQ(guest.pin(1, guest.mfn(10)), 0);
    EXPECT_EQ(guest.unprotect(10), err(Errno::busy)) << "a page table must not become writable";
    EXPECT_EQ(guest.pin(1, guest.mfn(10)), err(Errno::inval)) << "pinned already";
    EXPECT_EQ(guest.unpin(guest.mfn(10)), 0);
    EXPECT_EQ(guest.unprotect(10), 0);
    EXPECT_EQ(guest.unpin(guest.mfn(10)), err(Errno::inval));
}

TEST_F(PageTable, TableMayNotMapAPageTableWritable) {
    make_l1(10, 3, rw);  // pfn 3 is the live L1
    EXPECT_EQ(guest.pin(1, guest.mfn(10)), err(Errno::busy));
    guest.unprotect(10);
    make_l1(11, 3, ro);
    EXPECT_EQ(guest.pin(1, guest.mfn(11)), 0);
}

TEST_F(PageTable, TableThatMapsItselfWritableIsRefusedAtOnce) {
    make_l1(10, 10, rw);
    EXPECT_EQ(guest.pin(1, guest.mfn(10)), err(Errno::busy));
    guest.frame(11)[7] = Pte::make(guest.mfn(11), rw).raw;  // a linear L2
    ASSERT_EQ(guest.protect(11), 0);
    EXPECT_EQ(guest.pin(2, guest.mfn(11)), err(Errno::inval));
}

TEST_F(PageTable, M2pIsShownToAKernelThatLooksAtIt) {
    EXPECT_EQ(guest.frame(0)[m2p_slot], 0u);
    EXPECT_FALSE(show_m2p(guest.vcpu(), Guest::va(20)));
    guest.vcpu().in_kernel = false;
    EXPECT_FALSE(show_m2p(guest.vcpu(), hypervisor_start)) << "user mode does not see it";
    guest.vcpu().in_kernel = true;
    EXPECT_FALSE(show_m2p(guest.vcpu(), hypervisor_start + (u64{1} << 39))) << "what is next to it";
    EXPECT_FALSE(show_m2p(guest.vcpu(), hypervisor_start + m2p_size(max_mfn))) << "what is behind its end";
    EXPECT_EQ(guest.frame(0)[m2p_slot], 0u);
    EXPECT_TRUE(show_m2p(guest.vcpu(), hypervisor_start + m2p_size(max_mfn) - 8));
    EXPECT_NE(guest.frame(0)[m2p_slot], 0u);
    EXPECT_TRUE(show_m2p(guest.vcpu(), hypervisor_start)) << "another vCPU has looked since the fault";
    EXPECT_FALSE(show_m2p(guest.vcpu(), hypervisor_start + m2p_size(max_mfn))) << "what is behind its end";
}

TEST_F(PageTable, ForeignFramesAreNotMapped) {
    Guest& other = world.add_guest();
    EXPECT_EQ(guest.mmu_update(guest.leaf_address(20), Pte::make(other.mfn(9), rw).raw), err(Errno::busy));
    u64 const hypervisor_frame = hal::mfn_of(&guest.domain()).value;
    EXPECT_EQ(guest.mmu_update(guest.leaf_address(20), Pte::make(Mfn{hypervisor_frame}, ro).raw), err(Errno::busy));
    EXPECT_EQ(guest.mmu_update(guest.leaf_address(20), Pte::make(Mfn{0xb8}, ro).raw), err(Errno::perm)) << "I/O";
    EXPECT_EQ(guest.mmu_update(guest.leaf_address(20), Pte::make(Mfn{u64{1} << 36}, ro).raw), err(Errno::perm));
}

TEST_F(PageTable, Dom0MapsAnotherDomainsFramesAndLetsGoOfThem) {
    Guest& dom0 = world.dom0();
    u64 request = dom0.put(abi::MmuUpdate{.ptr = dom0.leaf_address(20).value, .val = Pte::make(guest.mfn(9), rw).raw});
    EXPECT_EQ(dom0.call(abi::hypercall::mmu_update, {request, 1, 0, guest.id().value}), 0);
    EXPECT_EQ(guest.protect(9), 0);
    EXPECT_EQ(guest.pin(1, guest.mfn(9)), err(Errno::inval)) << "dom0 can still write it";
    EXPECT_EQ(dom0.update_va_mapping(Guest::va(20), 0), 0);
    EXPECT_EQ(guest.pin(1, guest.mfn(9)), 0);
}

TEST_F(PageTable, BadFlagsAreRefused) {
    u64 const good = Pte::make(guest.mfn(9), rw).raw;
    EXPECT_EQ(guest.mmu_update(guest.leaf_address(9), good | Pte::page_size_or_pat), err(Errno::inval));
    EXPECT_EQ(guest.mmu_update(guest.leaf_address(9), good | Pte::cache_disable), err(Errno::inval));
    EXPECT_EQ(guest.mmu_update(guest.leaf_address(9), good | Pte::no_execute), 0);
    Maddr l2{(guest.mfn(2).value << page_shift) + l2_index(Guest::kernel_base) * 8};
    EXPECT_EQ(guest.mmu_update(l2, Pte::make(guest.mfn(3), rw | Pte::page_size_or_pat).raw), err(Errno::inval));
}

TEST_F(PageTable, HypervisorSlotsAreOutOfReach) {
    for (u32 slot = first_hypervisor_slot; slot <= last_hypervisor_slot; ++slot) {
        Maddr entry{(guest.mfn(0).value << page_shift) + slot * 8};
        EXPECT_EQ(guest.mmu_update(entry, 0), err(Errno::inval));
    }
    EXPECT_NE(guest.frame(0)[last_hypervisor_slot], 0u) << "ours are there";
}

TEST_F(PageTable, MmuUpdateCountsWhatItDidBeforeAnError) {
    u64 first = guest.put(abi::MmuUpdate{.ptr = guest.leaf_address(20).value, .val = 0});
    guest.put(abi::MmuUpdate{.ptr = guest.leaf_address(21).value, .val = 0}, 16);
    guest.put(abi::MmuUpdate{.ptr = guest.leaf_address(22).value, .val = Pte::make(guest.mfn(3), rw).raw}, 32);
    u64 done = guest.put(u32{77}, 64);
    EXPECT_EQ(guest.call(abi::hypercall::mmu_update, {first, 3, done, abi::domid_self.value}), err(Errno::busy));
    EXPECT_EQ(guest.take<u32>(64), 2u);
}

TEST_F(PageTable, PreserveAdKeepsAccessedAndDirty) {
    guest.frame(3)[9] |= Pte::dirty | Pte::accessed;
    u64 const clean = Pte::make(guest.mfn(9), Pte::present | Pte::writable | Pte::user).raw;
    EXPECT_EQ(guest.mmu_update(guest.leaf_address(9), clean, abi::mmu::pt_update_preserve_ad), 0);
    EXPECT_EQ(guest.frame(3)[9] & (Pte::accessed | Pte::dirty), Pte::accessed | Pte::dirty);
}

TEST_F(PageTable, UnpinningIsSynchronousEvenIfItIsInterrupted) {
    // A second tree over its own tables: L4 10, L3 11, L2 12, L1 13.
    guest.frame(10)[0] = Pte::make(guest.mfn(11), rw).raw;
    guest.frame(11)[0] = Pte::make(guest.mfn(12), rw).raw;
    guest.frame(12)[0] = Pte::make(guest.mfn(13), rw).raw;
    for (u64 i = 0; i < 64; ++i) guest.frame(13)[i] = Pte::make(guest.mfn(20 + i % 8), rw).raw;
    for (u64 pfn = 10; pfn <= 13; ++pfn) ASSERT_EQ(guest.protect(pfn), 0);
    world.machine().preempt_after = 2;
    EXPECT_EQ(guest.pin(4, guest.mfn(10)), 0);
    EXPECT_EQ(world.mismatches(), 0u);
    EXPECT_EQ(guest.unpin(guest.mfn(10)), 0);
    for (u64 pfn = 10; pfn <= 13; ++pfn) EXPECT_EQ(guest.unprotect(pfn), 0) << pfn;
    EXPECT_EQ(guest.frame(10)[first_hypervisor_slot], 0u) << "a former root shows nothing of the hypervisor";
}

TEST_F(PageTable, BatchSeesWhatItsEarlierRequestsSetFree) {
    make_l1(13, 20, rw);
    Maddr l2{(guest.mfn(2).value << page_shift) + (l2_index(Guest::kernel_base) + 1) * 8};
    ASSERT_EQ(guest.mmu_update(l2, Pte::make(guest.mfn(13), rw).raw), 0);
    u64 first = guest.put(abi::MmuUpdate{.ptr = (guest.mfn(13).value << page_shift) + 6 * 8, .val = 0});
    guest.put(abi::MmuUpdate{.ptr = l2.value, .val = 0}, 16);
    guest.put(abi::MmuUpdate{.ptr = guest.leaf_address(13).value, .val = Pte::make(guest.mfn(13), rw).raw}, 32);
    EXPECT_EQ(guest.call(abi::hypercall::mmu_update, {first, 3, 0, abi::domid_self.value}), 0);
}

TEST_F(PageTable, ChangeFromWritableToTableFlushesCpusThatMayBeStale) {
    ASSERT_EQ(guest.protect(10), 0);
    world.machine().remote_flushes = 0;
    EXPECT_EQ(guest.pin(1, guest.mfn(10)), 0);
    EXPECT_EQ(world.machine().remote_flushes, 1u) << "a writable entry may still be cached";
    ASSERT_EQ(guest.protect(11), 0);
    tlb::note_flush(guest.vcpu().cpu);
    world.machine().remote_flushes = 0;
    EXPECT_EQ(guest.pin(1, guest.mfn(11)), 0);
    EXPECT_EQ(world.machine().remote_flushes, 0u) << "the CPU has flushed since";
}

TEST_F(PageTable, RootsHoldTheirTables) {
    guest.frame(10)[0] = 0;
    ASSERT_EQ(guest.protect(10), 0);
    EXPECT_EQ(guest.mmuext(abi::mmuext::new_user_baseptr, guest.mfn(10).value), 0);
    EXPECT_EQ(guest.unprotect(10), err(Errno::busy));
    EXPECT_EQ(guest.mmuext(abi::mmuext::new_user_baseptr, 0), 0);
    EXPECT_EQ(guest.unprotect(10), 0);
    EXPECT_EQ(guest.mmuext(abi::mmuext::new_baseptr, guest.mfn(20).value), err(Errno::inval)) << "mapped writable";
}

TEST_F(PageTable, PrivilegedOperationsOnOthersAreRefused) {
    u64 request = guest.put(abi::MmuUpdate{.ptr = guest.leaf_address(20).value, .val = 0});
    EXPECT_EQ(guest.call(abi::hypercall::mmu_update, {request, 1, 0, abi::dom0.value}), err(Errno::perm));
    EXPECT_EQ(guest.call(abi::hypercall::mmu_update, {request, 1, 0, abi::domid_xen.value}), err(Errno::perm));
    EXPECT_EQ(world.dom0().call(abi::hypercall::mmu_update, {0, 0, 0, 4711}), err(Errno::srch));
}

TEST_F(PageTable, TheCallersOwnNumberNamesNoForeignDomain) {
    using namespace abi::hypercall;
    u64 const own = guest.domain().id.value;
    u64 const request = guest.put(abi::MmuUpdate{.ptr = guest.leaf_address(20).value, .val = 0});
    EXPECT_EQ(guest.call(mmu_update, {request, 1, 0, own}), err(Errno::srch));
    EXPECT_EQ(guest.call(mmu_update, {0, 0, 0, own}), err(Errno::srch));
    EXPECT_EQ(guest.call(mmuext_op, {0, 0, 0, own}), err(Errno::srch));
    EXPECT_EQ(guest.call(update_va_mapping_otherdomain, {0, 0, 0, own}), err(Errno::srch));
    u64 const own_tables = (own + 1) << 16;  // that is a name for them
    EXPECT_EQ(guest.call(mmu_update, {request, 1, 0, abi::domid_self.value | own_tables}), 0);
}

TEST_F(PageTable, PointersIntoTheHypervisorAreFaults) {
    EXPECT_EQ(guest.call(abi::hypercall::mmu_update, {hypervisor_start, 1, 0, abi::domid_self.value}),
              err(Errno::fault));
    EXPECT_EQ(guest.call(abi::hypercall::mmu_update, {~u64{0} - 7, 1, 0, abi::domid_self.value}), err(Errno::fault));
    EXPECT_EQ(guest.update_va_mapping(hypervisor_start, 0), err(Errno::inval));
}

// Whoever has mapped a frame as often as can be counted must not keep its domain from ending.
TEST(DomainLife, DestroyEndsThoughAFrameHasAllTheReferencesThereMayBe) {
    World world;
    Guest& guest = world.add_guest();
    Domid const id = guest.id();
    PageInfo& page = page_of(guest.mfn(10));
    u64 const more = PageInfo::ref_limit - page.refs();
    page.count += more;
    EXPECT_FALSE(get_page(guest.mfn(10), id)) << "no more for guests";
    world.destroy(guest);
    guest.drop();
    EXPECT_EQ(page.refs(), more);
    EXPECT_TRUE(find_domain(id)) << "as long as somebody has it mapped";
    page.count -= more - 1;
    PageRef::release(page);
    EXPECT_FALSE(find_domain(id));
}

TEST(DomainLife, DestroyLeavesNothingBehind) {
    World world;
    u64 const before = free_frame_count();
    for (int round = 0; round < 3; ++round) {
        Guest& guest = world.add_guest();
        guest.protect(10);
        guest.pin(1, guest.mfn(10));
        world.machine().preempt_after = 3;
        world.destroy(guest);
        world.machine().preempt_after = 0;
        guest.drop();
        EXPECT_EQ(world.mismatches(), 0u);
    }
    // Domain objects are kept for reuse: one, after the first round.
    EXPECT_GE(free_frame_count() + 2, before);
}

TEST(DomainLife, FrameMappedElsewhereOutlivesItsDomain) {
    World world;
    Guest& guest = world.add_guest();
    Guest& dom0 = world.dom0();
    Domid const id = guest.id();
    u64 request = dom0.put(abi::MmuUpdate{.ptr = dom0.leaf_address(20).value, .val = Pte::make(guest.mfn(9), rw).raw});
    ASSERT_EQ(dom0.call(abi::hypercall::mmu_update, {request, 1, 0, id.value}), 0);
    world.destroy(guest);
    guest.drop();
    EXPECT_TRUE(find_domain(id)) << "a zombie";
    EXPECT_EQ(world.mismatches(), 0u);
    ASSERT_EQ(dom0.update_va_mapping(Guest::va(20), 0), 0);
    EXPECT_FALSE(find_domain(id));
}

// The end goes to each frame once: a tool's pin behind it would never be taken away, nor what the table holds.
TEST(DomainLife, APinBehindItsEndDoesNotKeepADomain) {
    World world;
    Guest& guest = world.add_guest();
    Guest& dom0 = world.dom0();
    Domid const id = guest.id();
    Mfn const table = guest.mfn(9), below = guest.mfn(10);
    guest.frame(9)[0] = Pte::make(below, ro).raw;
    auto map = [&](u64 pfn, Mfn mfn) {
        u64 const request =
            dom0.put(abi::MmuUpdate{.ptr = dom0.leaf_address(pfn).value, .val = Pte::make(mfn, ro).raw});
        return dom0.call(abi::hypercall::mmu_update, {request, 1, 0, id.value});
    };
    ASSERT_EQ(map(20, table), 0);
    ASSERT_EQ(map(21, below), 0);
    world.destroy(guest);
    guest.drop();
    abi::MmuextOp pin{};
    pin.cmd = abi::mmuext::pin_l1_table;
    pin.arg1.mfn = table;
    EXPECT_EQ(dom0.call(abi::hypercall::mmuext_op, {dom0.put(pin), 1, 0, id.value}), err(Errno::inval));
    EXPECT_EQ(world.mismatches(), 0u);
    ASSERT_EQ(dom0.update_va_mapping(Guest::va(20), 0), 0);
    ASSERT_EQ(dom0.update_va_mapping(Guest::va(21), 0), 0);
    EXPECT_FALSE(find_domain(id));
}

// The last frames of the hosted machine are no RAM: devices.
TEST_F(PageTable, DevicesAreDom0sButForWhatIsProtected) {
    Guest& dom0 = world.dom0();
    u64 const device = Machine::frames - Machine::io_frames;
    ASSERT_TRUE(protect_io(Mfn{device + 1}, 2, Protection::denied));
    ASSERT_TRUE(protect_io(Mfn{device + 3}, 1, Protection::read_only));
    auto map = [&](Guest& by, u64 mfn) { return by.update_va_mapping(by.va(5), Pte::make(Mfn{mfn}, rw).raw); };
    auto stored = [&] { return Pte{dom0.frame(3)[5]}; };
    EXPECT_EQ(map(guest, device), err(Errno::perm));
    EXPECT_EQ(map(dom0, device), 0);
    EXPECT_TRUE(stored().is_writable());
    EXPECT_EQ(map(dom0, device + 1), err(Errno::perm));
    EXPECT_EQ(map(dom0, device + 2), err(Errno::perm));
    EXPECT_EQ(map(dom0, device + 3), 0);
    EXPECT_EQ(stored().mfn(), Mfn{device + 3});
    EXPECT_FALSE(stored().is_writable());
}

TEST_F(PageTable, AnUncachedMappingToReadIsHeldAsAnyOther) {
    Guest& dom0 = world.dom0();
    u64 const entry = Pte::make(dom0.mfn(20), ro | Pte::cache_disable).raw;
    ASSERT_EQ(dom0.update_va_mapping(Guest::va(20), entry), 0);
    EXPECT_EQ(dom0.frame(3)[20], entry);
    EXPECT_EQ(world.mismatches(), 0u);
    EXPECT_EQ(dom0.pin(1, dom0.mfn(20)), 0) << "nobody can write it";
    EXPECT_EQ(dom0.unpin(dom0.mfn(20)), 0);
    EXPECT_EQ(guest.update_va_mapping(Guest::va(20), Pte::make(guest.mfn(20), ro | Pte::cache_disable).raw),
              err(Errno::inval))
        << "for a domain without I/O rights it does not exist";
}

TEST_F(PageTable, AToolDoesNotActOnAnothersProcessor) {
    Guest& dom0 = world.dom0();
    auto for_guest = [&](u32 command, Mfn mfn) {
        abi::MmuextOp op{};
        op.cmd = command;
        op.arg1.mfn = mfn;
        return dom0.call(abi::hypercall::mmuext_op, {dom0.put(op), 1, 0, guest.id().value});
    };
    for (u32 command : {abi::mmuext::new_baseptr, abi::mmuext::new_user_baseptr, abi::mmuext::tlb_flush_local,
                        abi::mmuext::invlpg_all, abi::mmuext::flush_cache, abi::mmuext::set_ldt})
        EXPECT_EQ(for_guest(command, guest.mfn(0)), err(Errno::perm)) << command;
    EXPECT_TRUE(dom0.vcpu().kernel_root.is(dom0.mfn(0)));
    ASSERT_EQ(guest.protect(10), 0);
    EXPECT_EQ(for_guest(abi::mmuext::pin_l1_table, guest.mfn(10)), 0) << "on its memory it does";
    EXPECT_EQ(for_guest(abi::mmuext::unpin_table, guest.mfn(10)), 0);
}

TEST_F(PageTable, AFlushGoesToTheNamedVcpusCpusThatMayBeStale) {
    Guest& two = world.add_guest(64, 2);
    two.domain().pause_count = 0;
    for (auto [vcpu, cpu] : {std::pair<u32, CpuId>{0, 0}, {1, 2}}) {
        CpuMask only;
        only.set(cpu);
        ASSERT_TRUE(sched::set_affinity(two.vcpu(vcpu), only, only));
        ASSERT_EQ(two.vcpu(vcpu).cpu, cpu);
        two.domain().dirty_cpus.set(cpu);
    }
    auto flushed_by = [&](u64 vcpus) {
        u64 const bitmap = two.put(vcpus, 512);
        u64& flushes = world.machine().remote_flushes;
        flushes = 0;
        EXPECT_EQ(two.mmuext(abi::mmuext::tlb_flush_multi, 0, bitmap), 0);
        u64 const by_mmuext = std::exchange(flushes, 0);
        EXPECT_EQ(two.update_va_mapping(Guest::va(20), two.frame(3)[20], bitmap | abi::uvmf::tlb_flush), 0);
        EXPECT_EQ(flushes, by_mmuext);
        return flushes;
    };
    EXPECT_EQ(flushed_by(0b10), 1u);
    EXPECT_EQ(flushed_by(0b11), 2u);
    EXPECT_EQ(flushed_by(0b100), 0u) << "there is no such vCPU";
    two.domain().dirty_cpus.clear(2);
    EXPECT_EQ(flushed_by(0b11), 1u);
    EXPECT_EQ(two.mmuext(abi::mmuext::tlb_flush_multi, 0, 0x1000), err(Errno::inval)) << "no list";
    EXPECT_EQ(two.update_va_mapping(Guest::va(20), two.frame(3)[20], 0x1000 | abi::uvmf::tlb_flush), err(Errno::fault));
}

// A tool of dom0's has had a page of the guest's mapped, on another processor, and nobody has flushed that yet.
struct MappedByDom0 : PageTable {
    Guest& dom0 = world.dom0();
    Machine& machine = world.machine();
    static constexpr u64 at = Guest::kernel_base + 20 * page_size;
    CpuId const cpu = guest.vcpu().cpu == 3 ? 2 : 3;  // where the guest has not been

    i64 map(Mfn mfn, u64 flags) {
        u64 const value = flags ? Pte::make(mfn, flags).raw : 0;
        return dom0.call(abi::hypercall::update_va_mapping_otherdomain, {at, value, 0, guest.id().value});
    }
    void map_write_unmap(Mfn mfn) {
        CpuMask only;
        only.set(cpu);
        dom0.domain().pause_count = 0;
        ASSERT_TRUE(sched::set_affinity(dom0.vcpu(), only, only));
        ASSERT_EQ(dom0.vcpu().cpu, cpu);
        ASSERT_FALSE(guest.domain().dirty_cpus.test(cpu));
        ASSERT_EQ(map(mfn, rw), 0);
        machine.enter(dom0.vcpu());
        ASSERT_NE(dom0.access(at, true), nullptr);
        ASSERT_EQ(map(mfn, 0), 0);
        ASSERT_TRUE(machine.translations.find(cpu, at, true));
    }
};

TEST_F(MappedByDom0, APageThatBecomesATableIsFlushedThereToo) {
    map_write_unmap(guest.mfn(10));
    machine.enter(guest.vcpu());
    ASSERT_EQ(guest.protect(10), 0);
    ASSERT_EQ(guest.pin(1, guest.mfn(10)), 0);
    EXPECT_EQ(machine.translations.danger(), "");
    EXPECT_FALSE(machine.translations.find(cpu, at, true));
}

TEST_F(MappedByDom0, APageThatNobodyElseHadCostsOthersNoFlush) {
    map_write_unmap(guest.mfn(10));
    machine.enter(guest.vcpu());
    ASSERT_EQ(guest.protect(11), 0);
    ASSERT_EQ(guest.pin(1, guest.mfn(11)), 0);
    EXPECT_TRUE(machine.translations.find(cpu, at, true));
}

TEST_F(MappedByDom0, APageCanStillBeExchangedAndItsMarkEndsWithIt) {
    map_write_unmap(guest.mfn(10));
    Mfn const before = guest.mfn(10);
    ASSERT_EQ(guest.update_va_mapping(Guest::va(10), 0), 0);
    u64 const lists = Guest::va(30);
    guest.frame(30)[0] = before.value;
    guest.frame(30)[1] = 10;
    abi::MemoryExchange request{};
    request.in = {.extent_start = {lists},
                  .nr_extents = 1,
                  .extent_order = 0,
                  .mem_flags = 0,
                  .domid = abi::domid_self,
                  .pad = {}};
    request.out = {.extent_start = {lists + 8},
                   .nr_extents = 1,
                   .extent_order = 0,
                   .mem_flags = 0,
                   .domid = abi::domid_self,
                   .pad = {}};
    EXPECT_EQ(guest.call(abi::hypercall::memory_op, {abi::memop::exchange, guest.put(request)}), 0);
    EXPECT_FALSE(page_of(before).count_has(PageInfo::mapped_elsewhere));
    guest.set_mfn(10, Mfn{guest.frame(30)[1]});
    EXPECT_FALSE(page_of(guest.mfn(10)).count_has(PageInfo::mapped_elsewhere));
}

TEST_F(PageTable, APreemptedBatchGoesOnWhereItStopped) {
    constexpr u32 count = 12;
    auto* const ops = reinterpret_cast<abi::MmuextOp*>(guest.frame(30));
    for (u32 i = 0; i < count; ++i) {
        ASSERT_EQ(guest.protect(10 + i), 0);
        ops[i] = {};
        ops[i].cmd = abi::mmuext::pin_l1_table;
        ops[i].arg1.mfn = guest.mfn(10 + i);
    }
    u64 const done = guest.put(u32{99});
    world.machine().preempt_after = 1;
    EXPECT_EQ(guest.call(abi::hypercall::mmuext_op, {Guest::va(30), count, done, abi::domid_self.value}), 0);
    world.machine().preempt_after = 0;
    EXPECT_EQ(guest.take<u32>(), count);
    for (u32 i = 0; i < count; ++i) EXPECT_EQ(guest.unpin(guest.mfn(10 + i)), 0) << i;
}

// A store of the hypervisor's that faults where it may be done by now: once at each place, and only there.
TEST_F(PageTable, AStoreThatFaultsOnAFormerEntryIsTriedAgainOnce) {
    u64 const root = guest.vcpu().kernel_root.cr3_or(0);
    constexpr u64 here = 0x1000, elsewhere = 0x2000;
    StaleStore store;
    ASSERT_EQ(guest.protect(10), 0);
    EXPECT_FALSE(store.is_worth_a_try(root, here, Guest::va(10))) << "read-only";
    ASSERT_EQ(guest.unprotect(10), 0);
    EXPECT_TRUE(store.is_worth_a_try(root, here, Guest::va(10)));
    EXPECT_FALSE(store.is_worth_a_try(root, here, Guest::va(10))) << "it was tried again";
    EXPECT_TRUE(store.is_worth_a_try(root, elsewhere, Guest::va(10)));
    EXPECT_TRUE(store.is_worth_a_try(root, elsewhere, Guest::va(11)));
    EXPECT_FALSE(store.is_worth_a_try(root, elsewhere, Guest::va(10))) << "the other page of one store";
    EXPECT_FALSE(store.is_worth_a_try(root, here, Guest::va(3))) << "a page table";
    EXPECT_FALSE(store.is_worth_a_try(root, here, hypervisor_start)) << "not the guest's";
    EXPECT_FALSE(store.is_worth_a_try(root, here, u64{1} << 40)) << "nothing is there";
    store = {};
    EXPECT_TRUE(store.is_worth_a_try(root, elsewhere, Guest::va(11))) << "the CPU has looked for work";
}
