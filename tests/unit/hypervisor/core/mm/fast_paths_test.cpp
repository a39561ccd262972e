// SPDX-License-Identifier: MIT
// The fast ways of memory management answer as the general ones do, and leave the same behind.
#include "core/grant/table.hpp"
#include "core/hal/memory.hpp"
#include "core/mm/entry.hpp"
#include "hosted/world.hpp"
#include "public/grant_table.hpp"
#include "public/hypercall.hpp"
#include "public/mmu.hpp"

#include <gtest/gtest.h>

using namespace hosted;

namespace {
// Two guests that differ in the way they go and in nothing else.
struct FastPath : testing::Test {
    World world;
    Guest& fast = world.add_guest();
    Guest& general = world.add_guest();
    Guest& other = world.add_guest();

    void TearDown() override { EXPECT_EQ(world.mismatches(), 0u); }

    void expect_alike(std::string const& what) {
        for (u64 pfn = 0; pfn < fast.pages(); ++pfn) {
            PageInfo const &one = page_of(fast.mfn(pfn)), &two = page_of(general.mfn(pfn));
            EXPECT_EQ(one.refs(), two.refs()) << what << ", frame " << pfn;
            EXPECT_EQ(one.uses(), two.uses()) << what << ", frame " << pfn;
            EXPECT_EQ(one.kind(), two.kind()) << what << ", frame " << pfn;
        }
        for (u64 slot = 0; slot < fast.pages(); ++slot) {
            Pte const one{fast.frame(3)[slot]}, two{general.frame(3)[slot]};
            EXPECT_EQ(one.raw & ~Pte::address, two.raw & ~Pte::address) << what << ", entry " << slot;
        }
    }
};

constexpr u64 pfn_of_table = 3, unused = 20;

std::string name(u64 a, u64 b) { return std::to_string(a) + " and " + std::to_string(b); }
}  // namespace

// mmu_update: one request of one's own whose number of successes nobody wants is looked at before any list is.
TEST_F(FastPath, ASingleRequestIsAsOneOfAList) {
    constexpr u64 far_beyond = u64{1} << 40;
    auto const places = [this](Guest& guest) {
        u64 const table_above = guest.mfn(2).value << page_shift, plain = guest.mfn(12).value << page_shift;
        return std::array<u64, 7>{
            guest.leaf_address(unused).value, guest.leaf_address(9).value, table_above + 511 * 8,           plain + 8,
            other.leaf_address(unused).value, far_beyond << page_shift,    guest.leaf_address(10).value + 4};
    };
    auto const values = [this](Guest& guest) {
        auto const entry = [](Mfn mfn, u64 flags) { return Pte::make(mfn, flags).raw; };
        return std::array<u64, 10>{entry(guest.mfn(9), rw),
                                   entry(guest.mfn(9), ro),
                                   entry(guest.mfn(9), rw | Pte::no_execute | Pte::global),
                                   entry(guest.mfn(11), rw),
                                   entry(guest.mfn(pfn_of_table), rw),
                                   entry(guest.mfn(pfn_of_table), ro),
                                   entry(guest.mfn(9), rw | Pte::page_size_or_pat),
                                   entry(other.mfn(9), ro),
                                   u64{0x1234} << page_shift,
                                   0};
    };
    auto const update = [](Guest& guest, u64 place, u64 value, u64 done) {
        u64 const request = guest.put(abi::MmuUpdate{.ptr = place, .val = value}, 64);
        return guest.call(abi::hypercall::mmu_update, {request, 1, done, abi::domid_self.value});
    };
    for (usize place = 0; place < places(fast).size(); ++place)
        for (usize value = 0; value < values(fast).size(); ++value)
            for (u64 command = 0; command < 4; ++command) {
                std::string const what = name(place, value) + ", command " + std::to_string(command);
                i64 const one = update(fast, places(fast)[place] + command, values(fast)[value], 0);
                i64 const two = update(general, places(general)[place] + command, values(general)[value],
                                       general.va(general.scratch_pfn()));
                EXPECT_EQ(one, two) << what;
                expect_alike(what);
            }
}

// What an entry may name and what it holds: the usual entries are looked at before the rules are.
TEST_F(FastPath, AUsualEntryIsTakenAsTheRulesTakeIt) {
    Mfn const frames[] = {fast.mfn(9),       fast.mfn(pfn_of_table),       fast.mfn(0), other.mfn(9), Mfn{0xb8},
                          Mfn{u64{1} << 36}, fast.domain().shared_info_mfn};
    u64 const flags[] = {rw,
                         ro,
                         rw | Pte::no_execute,
                         rw | Pte::available,
                         ro | Pte::cache_disable,
                         rw | Pte::page_size_or_pat,
                         Pte::present,
                         rw | Pte::global};
    PageOwner const owner = PageOwner::of(fast.domain());
    for (Mfn const mfn : frames)
        for (u64 const flag : flags) {
            Pte const wanted = Pte::make(mfn, flag);
            std::string const what = name(mfn.value, flag);
            auto const counts = [&] { return is_ram(mfn) ? page_of(mfn).refs() << 32 | page_of(mfn).uses() : 0; };
            Result<Pte> const one = acquire_leaf(wanted, fast.domain(), owner);
            u64 const held = counts();
            if (one) release_leaf(*one);
            Result<Pte> const two = acquire_other_leaf(wanted, fast.domain(), owner);
            EXPECT_EQ(held, counts()) << what;
            if (two) release_leaf(*two);
            EXPECT_EQ(one.error(), two.error()) << what;
            if (one && two) { EXPECT_EQ((*one).raw, (*two).raw) << what; }
        }
}

namespace {
struct FastGrant : FastPath {
    static constexpr u32 refs = 6;  // of each of the two; behind them, those of the other one

    void SetUp() override {
        for (Guest* guest : {&fast, &general})
            for (u64 pfn : {unused, unused + 1}) ASSERT_EQ(guest->update_va_mapping(Guest::va(pfn), 0), 0);
        for (Guest* guest : {&fast, &general}) {
            set(*guest, 0, 9, abi::gtf::permit_access);
            set(*guest, 1, 10, abi::gtf::permit_access | abi::gtf::readonly);
            set(*guest, 2, pfn_of_table, abi::gtf::permit_access);
            set(*guest, 3, 11, abi::gtf::invalid);
            set(*guest, 4, 12, abi::gtf::permit_access);
            entry(first(*guest) + 4).domid = abi::dom0;
            set(*guest, 5, 13, abi::gtf::permit_access);
            entry(first(*guest) + 5).frame = ~0u;
        }
    }
    u32 first(Guest const& guest) const { return &guest == &fast ? 8 : 8 + refs; }
    abi::GrantEntryV1& entry(u32 ref) {
        return reinterpret_cast<abi::GrantEntryV1*>(hal::map(*other.domain().grants->grown_to(0)))[ref];
    }
    void set(Guest& grantee, u32 ref, u64 pfn, u16 flags) {
        entry(first(grantee) + ref) = {flags, grantee.id(), static_cast<u32>(other.mfn(pfn).value)};
    }

    // Alone, as the fast one does, or with a second operation that is refused for certain.
    template <class Op>
    Op run(Guest& guest, u32 command, Op const& op) {
        guest.put(Op{}, sizeof(Op));
        u64 const count = &guest == &fast ? 1 : 2;
        EXPECT_EQ(guest.call(abi::hypercall::grant_table_op, {command, guest.put(op), count}), 0);
        return guest.template take<Op>();
    }
    abi::GnttabMapGrantRef map(Guest& guest, u32 ref, u64 address, u32 flags) {
        abi::GnttabMapGrantRef op{};
        op.host_addr = address;
        op.flags = flags;
        op.ref = GrantRef{first(guest) + ref};
        op.dom = other.id();
        return run(guest, abi::gnttabop::map_grant_ref, op);
    }
    i16 unmap(Guest& guest, u32 handle, u64 address, u64 bus) {
        abi::GnttabUnmapGrantRef op{};
        op.host_addr = address;
        op.dev_bus_addr = bus;
        op.handle = abi::GrantHandle{handle};
        return run(guest, abi::gnttabop::unmap_grant_ref, op).status;
    }
};
}  // namespace

// grant_table_op: a mapping and an unmapping that come alone have ways of their own.
TEST_F(FastGrant, AnOperationAloneIsAsOneOfABatch) {
    using namespace abi::gntmap;
    u32 const kinds[] = {host_map, device_map, host_map | device_map, host_map | readonly, 0u, host_map | contains_pte};
    auto const places = [](Guest& guest, u32 kind) {
        u64 const at = kind & contains_pte ? guest.leaf_address(unused).value : Guest::va(unused);
        return std::array<u64, 4>{at, at + 4, kind & contains_pte ? guest.mfn(9).value << page_shift : Guest::va(7),
                                  hypervisor_start};
    };
    for (u32 ref = 0; ref < refs; ++ref)
        for (u32 const kind : kinds)
            for (usize place = 0; place < 4; ++place) {
                std::string const what = "grant " + name(ref, kind) + ", place " + std::to_string(place);
                u64 const here = places(fast, kind)[place], there = places(general, kind)[place];
                auto const one = map(fast, ref, here, kind), two = map(general, ref, there, kind);
                EXPECT_EQ(one.status, two.status) << what;
                EXPECT_EQ(one.dev_bus_addr, two.dev_bus_addr) << what;
                expect_alike(what);
                if (one.status != abi::gntst::okay || two.status != abi::gntst::okay) continue;
                auto const both_unmap = [&](u64 mine, u64 theirs, u64 bus) {
                    EXPECT_EQ(unmap(fast, one.handle.value, mine, bus), unmap(general, two.handle.value, theirs, bus))
                        << what;
                    expect_alike(what);
                };
                both_unmap(Guest::va(8), Guest::va(8), 0);
                both_unmap(0, 0, 4096);
                both_unmap(here, there, 0);
                both_unmap(here, there, one.dev_bus_addr);
                both_unmap(0, 0, one.dev_bus_addr);
                both_unmap(here, there, 0);
            }
    EXPECT_EQ(unmap(fast, ~0u, 0, 0), unmap(general, ~0u, 0, 0));
}
