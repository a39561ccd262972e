// SPDX-License-Identifier: MIT
#include "core/mm/descriptor.hpp"

#include "hosted/world.hpp"
#include "public/hypercall.hpp"
#include "public/vcpu.hpp"

#include <gtest/gtest.h>

using namespace hosted;

namespace {
constexpr u64 code64 = 0x00af9b000000ffff, data = 0x00cf93000000ffff;
}

TEST(Descriptor, SegmentsAreForcedToRing3) {
    EXPECT_EQ(*checked_descriptor(code64), 0x00affb000000ffffu);
    EXPECT_EQ(*checked_descriptor(data), 0x00cff3000000ffffu);
    EXPECT_EQ(*checked_descriptor(0x1234), 0x1234u) << "not present: anything";
}

TEST(Descriptor, SystemDescriptorsAreRefusedButForHarmlessGates) {
    for (u64 type = 1; type < 16; ++type) {
        u64 gate = u64{1} << 47 | type << 40 | u64{abi::selector::flat_cs64} << 16;
        EXPECT_EQ(bool(checked_descriptor(gate)), type == 0xc) << type;
    }
    EXPECT_FALSE(checked_descriptor(u64{1} << 47 | u64{0xc} << 40)) << "gate to the null selector";
    EXPECT_FALSE(checked_descriptor(u64{1} << 47 | u64{0xc} << 40 | u64{0xe008} << 16))
        << "gate to our own code segment";
}

TEST(Descriptor, GdtPagesAreHeldAndCannotBeWritten) {
    World world;
    Guest& guest = world.add_guest();
    guest.frame(10)[2] = code64;
    u64 frames = guest.put(guest.mfn(10));
    EXPECT_EQ(guest.call(abi::hypercall::set_gdt, {frames, 16}), err(Errno::inval)) << "mapped writable";
    ASSERT_EQ(guest.protect(10), 0);
    frames = guest.put(guest.mfn(10));
    EXPECT_EQ(guest.call(abi::hypercall::set_gdt, {frames, 16}), 0);
    EXPECT_EQ(guest.frame(10)[2] >> 45 & 3, 3u);
    EXPECT_EQ(guest.unprotect(10), err(Errno::busy));
    u64 entry = (guest.mfn(10).value << page_shift) + 3 * 8;
    EXPECT_EQ(guest.call(abi::hypercall::update_descriptor, {entry, data}), 0);
    EXPECT_EQ(guest.frame(10)[3], 0x00cff3000000ffffu);
    EXPECT_EQ(guest.call(abi::hypercall::update_descriptor, {entry, u64{1} << 47 | u64{9} << 40}), err(Errno::inval))
        << "TSS";
    EXPECT_EQ(guest.call(abi::hypercall::update_descriptor, {guest.leaf_address(3).value, data}), err(Errno::inval));
    EXPECT_EQ(guest.call(abi::hypercall::set_gdt, {frames, 7169}), err(Errno::inval));
    EXPECT_EQ(guest.call(abi::hypercall::set_gdt, {0, 0}), 0);
    EXPECT_EQ(guest.unprotect(10), 0);
    EXPECT_EQ(world.mismatches(), 0u);
}

TEST(Descriptor, LdtIsTakenFromWhereItIsMapped) {
    World world;
    Guest& guest = world.add_guest();
    guest.frame(10)[0] = data;
    EXPECT_EQ(guest.mmuext(13, Guest::va(10), 16), 0);
    EXPECT_EQ(load_ldt_page(guest.vcpu(), 0).error(), Errno::fault) << "mapped writable";
    ASSERT_EQ(guest.protect(10), 0);
    EXPECT_TRUE(load_ldt_page(guest.vcpu(), 0)) << "when the processor looks for it";
    EXPECT_EQ(load_ldt_page(guest.vcpu(), 1).error(), Errno::fault) << "beyond its end";
    EXPECT_EQ(guest.unprotect(10), err(Errno::busy));
    EXPECT_EQ(guest.mmuext(13, Guest::va(10) + 8, 16), err(Errno::inval));
    EXPECT_EQ(guest.mmuext(13, hypervisor_start, 16), err(Errno::inval));
    EXPECT_EQ(guest.mmuext(13, 0, 0), 0);
    EXPECT_EQ(guest.unprotect(10), 0);
    EXPECT_EQ(world.mismatches(), 0u);
}
