// SPDX-License-Identifier: MIT
#include "hosted/world.hpp"
#include "public/hypercall.hpp"
#include "public/vcpu.hpp"

#include <gtest/gtest.h>

namespace hosted {
namespace {
namespace hypercall = abi::hypercall;

struct CpuState : testing::Test {
    World world;
    Guest& guest = world.add_guest();
    static constexpr u64 handler = 0xffff'ffff'8100'0000;
    static constexpr u64 not_canonical = 0x0000'8000'0000'0000;
};

TEST_F(CpuState, TrapTableIsIncrementalAndEndsAtAddressZero) {
    std::array<abi::TrapInfo, 3> table{};
    table[0] = {.vector = 14, .flags = abi::trap_masks_events, .cs = 0x10, .pad = 0, .address = handler};
    table[1] = {.vector = 3, .flags = 3, .cs = 0x10, .pad = 0, .address = handler + 16};
    EXPECT_EQ(guest.call(hypercall::set_trap_table, {guest.put(table)}), 0);
    EXPECT_EQ(guest.vcpu().traps[14].address, handler);
    EXPECT_TRUE(guest.vcpu().traps[14].mask_events);
    EXPECT_EQ(guest.vcpu().traps[14].selector, 0x13) << "handlers run in ring 3";
    EXPECT_EQ(guest.vcpu().traps[3].privilege, 3);

    table[0].vector = 6;
    table[1].address = 0;
    EXPECT_EQ(guest.call(hypercall::set_trap_table, {guest.put(table)}), 0);
    EXPECT_EQ(guest.vcpu().traps[14].address, handler);
    EXPECT_EQ(guest.vcpu().traps[6].address, handler);

    EXPECT_EQ(guest.call(hypercall::set_trap_table, {0}), 0);
    EXPECT_EQ(guest.vcpu().traps[14].address, 0u);
}

TEST_F(CpuState, TrapHandlersHaveCanonicalAddresses) {
    std::array<abi::TrapInfo, 2> table{};
    table[0] = {.vector = 14, .flags = 0, .cs = 0x10, .pad = 0, .address = not_canonical};
    EXPECT_EQ(guest.call(hypercall::set_trap_table, {guest.put(table)}), err(Errno::inval));
    EXPECT_EQ(guest.vcpu().traps[14].address, 0u);
    EXPECT_EQ(guest.call(hypercall::set_trap_table, {0x1000}), err(Errno::fault));
}

i64 register_callback(Guest& guest, u16 type, u64 address, u16 flags = 0) {
    abi::CallbackRegister op{.type = type, .flags = flags, .pad = 0, .address = Vaddr{address}};
    return guest.call(hypercall::callback_op, {abi::callbackop::register_callback, guest.put(op)});
}

TEST_F(CpuState, CallbacksAreRegisteredWithTheirFlag) {
    EXPECT_EQ(register_callback(guest, abi::callback::event, handler), 0);
    EXPECT_EQ(register_callback(guest, abi::callback::failsafe, handler + 1), 0);
    EXPECT_EQ(register_callback(guest, abi::callback::syscall, handler + 2, abi::callback::mask_events), 0);
    EXPECT_EQ(register_callback(guest, abi::callback::syscall32, handler + 3), 0);
    EXPECT_EQ(guest.vcpu().event_callback.address, handler);
    EXPECT_TRUE(guest.vcpu().event_callback.mask_events);
    EXPECT_FALSE(guest.vcpu().failsafe_callback.mask_events);
    EXPECT_TRUE(guest.vcpu().syscall_callback.mask_events);
    EXPECT_EQ(guest.vcpu().syscall32_callback.address, handler + 3);
    EXPECT_EQ(register_callback(guest, abi::callback::event, not_canonical), err(Errno::inval));
    EXPECT_EQ(register_callback(guest, 99, handler), err(Errno::nosys));
    EXPECT_EQ(guest.vcpu().event_callback.address, handler);
}

TEST_F(CpuState, TheOldCallForNmisSetsTheirTrap) {
    auto register_nmi = [&](u64 address) {
        abi::NmiCallback const op{.handler_address = Vaddr{address}, .pad = 0};
        return guest.call(hypercall::nmi_op, {abi::nmiop::register_callback, guest.put(op)});
    };
    EXPECT_EQ(register_nmi(handler), 0);
    EXPECT_EQ(guest.vcpu().traps[2].address, handler);
    EXPECT_TRUE(guest.vcpu().traps[2].mask_events);
    EXPECT_EQ(register_nmi(not_canonical), err(Errno::inval));
    EXPECT_EQ(guest.call(hypercall::nmi_op, {abi::nmiop::register_callback, 0x1000}), err(Errno::fault));
    EXPECT_EQ(guest.call(hypercall::nmi_op, {2, 0}), err(Errno::nosys));
    EXPECT_EQ(guest.vcpu().traps[2].address, handler);
    EXPECT_EQ(guest.call(hypercall::nmi_op, {abi::nmiop::unregister_callback, 0}), 0);
    EXPECT_EQ(guest.vcpu().traps[2].address, 0u);
}

TEST_F(CpuState, StackSwitchForcesRing3) {
    EXPECT_EQ(guest.call(hypercall::stack_switch, {0x18, 0xffff'c900'0000'4000}), 0);
    EXPECT_EQ(guest.vcpu().kernel_ss, 0x1b);
    EXPECT_EQ(guest.vcpu().kernel_sp, 0xffff'c900'0000'4000u);
}

TEST_F(CpuState, SegmentBasesAreCanonical) {
    EXPECT_EQ(guest.call(hypercall::set_segment_base, {abi::segbase::fs, 0x7f00'0000'0000}), 0);
    EXPECT_EQ(guest.vcpu().fs_base, 0x7f00'0000'0000u);
    EXPECT_EQ(guest.call(hypercall::set_segment_base, {abi::segbase::gs_kernel, not_canonical}), err(Errno::inval));
    EXPECT_EQ(guest.call(hypercall::set_segment_base, {abi::segbase::gs_user_sel, 0x33}), 0);
    EXPECT_EQ(guest.call(hypercall::set_segment_base, {4, 0}), err(Errno::inval));
}

TEST_F(CpuState, FpuTaskSwitchIsVirtual) {
    EXPECT_EQ(guest.call(hypercall::fpu_taskswitch, {1}), 0);
    EXPECT_TRUE(guest.vcpu().cr0_ts);
    EXPECT_EQ(guest.call(hypercall::fpu_taskswitch, {0}), 0);
    EXPECT_FALSE(guest.vcpu().cr0_ts);
}

TEST_F(CpuState, DebugRegistersCannotBeAimedAtTheHypervisor) {
    auto set = [&](u64 number, u64 value) { return guest.call(hypercall::set_debugreg, {number, value}); };
    auto get = [&](u64 number) { return static_cast<u64>(guest.call(hypercall::get_debugreg, {number})); };
    EXPECT_EQ(set(0, handler), 0);
    EXPECT_EQ(get(0), handler);
    EXPECT_EQ(set(0, 0xffff'8280'0020'0000), err(Errno::perm));
    EXPECT_EQ(get(0), handler);
    EXPECT_EQ(set(7, 1u << 13), err(Errno::perm)) << "general detect";
    EXPECT_EQ(set(7, 0x0002'0001), err(Errno::perm)) << "I/O breakpoint";
    EXPECT_EQ(set(7, u64{1} << 32), err(Errno::perm));
    EXPECT_EQ(set(7, 0x0001'0001), 0);
    EXPECT_EQ(get(7), 0x0001'0401u);
    EXPECT_EQ(get(5), 0x0001'0401u) << "the other name of 7";
    EXPECT_EQ(set(6, 0), 0);
    EXPECT_EQ(get(6), 0xffff'0ff0u);
    guest.vcpu().cr4 = 8;  // debugging extensions: 4 and 5 are gone
    EXPECT_EQ(set(4, 0), err(Errno::nodev));
    EXPECT_EQ(get(5), static_cast<u64>(err(Errno::inval)));
    EXPECT_EQ(set(8, 0), err(Errno::nodev));
}
}  // namespace
}  // namespace hosted
