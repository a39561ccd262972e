// SPDX-License-Identifier: MIT

#include "core/pv/trap_frame.hpp"
#include "portable/base/pte.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace {
using namespace hv;
using namespace hv::pv;

constexpr u64 handler = 0xffff'ffff'8100'1000;
constexpr u64 kernel_stack = 0xffff'c900'0000'4000;

abi::CpuUserRegs some_regs() {
    abi::CpuUserRegs regs{};
    regs.rcx = 0xc;
    regs.r11 = 0x11;
    regs.rip = 0xffff'ffff'8123'4567;
    regs.cs = 0xe033;
    regs.rflags = rflags::always_one | rflags::interrupts | rflags::carry | rflags::trap | rflags::alignment_check;
    regs.rsp = 0xffff'c900'0000'0f08;
    regs.ss = 0xe02b;
    return regs;
}
std::vector<u64> words_of(BounceFrame const& frame) { return {frame.words.begin(), frame.words.begin() + frame.count}; }

TEST(BounceFrame, FromKernelModePushesOntoTheCurrentStackWithoutPrivilegeLevel) {
    abi::CpuUserRegs regs = some_regs();
    auto frame = exception_frame({.regs = regs, .in_kernel = true, .upcall_mask = false, .kernel_sp = kernel_stack},
                                 {.handler = handler, .mask_events = false, .error_code = 7});
    ASSERT_TRUE(frame);
    EXPECT_EQ(words_of(*frame), (std::vector<u64>{0xc, 0x11, 7, regs.rip, 0xe030, regs.rflags, regs.rsp, 0xe02b}));
    EXPECT_EQ(frame->address, 0xffff'c900'0000'0f00 - 64u);
    EXPECT_FALSE(frame->from_user);
    EXPECT_FALSE(frame->upcall_mask);

    enter_handler(*frame, regs);
    EXPECT_EQ(regs.rip, handler);
    EXPECT_EQ(regs.cs, 0xe033);
    EXPECT_EQ(regs.ss, 0xe02b);
    EXPECT_EQ(regs.rsp, frame->address);
    EXPECT_EQ(regs.rflags, rflags::always_one | rflags::interrupts | rflags::carry);
    EXPECT_EQ(regs.rcx, 0xcu);
}

TEST(BounceFrame, FromUserModeUsesTheKernelStackAndShowsTheMask) {
    abi::CpuUserRegs regs = some_regs();
    regs.cs = 0x33;
    regs.ss = 0x2b;
    regs.rip = 0x40'1000;
    auto frame = exception_frame({.regs = regs, .in_kernel = false, .upcall_mask = true, .kernel_sp = kernel_stack},
                                 {.handler = handler, .mask_events = true});
    ASSERT_TRUE(frame);
    u64 flags = regs.rflags & ~rflags::interrupts;
    EXPECT_EQ(words_of(*frame), (std::vector<u64>{0xc, 0x11, 0x40'1000, 0x33 | u64{1} << 32, flags, regs.rsp, 0x2b}));
    EXPECT_EQ(frame->address, kernel_stack - 7 * 8);
    EXPECT_TRUE(frame->from_user);
    EXPECT_TRUE(frame->upcall_mask);
}

TEST(BounceFrame, SystemCallShowsFlatSelectorsAndClearsDirection) {
    abi::CpuUserRegs regs = some_regs();
    regs.rcx = 0x40'2000;
    regs.r11 = rflags::always_one | rflags::direction | rflags::interrupts | rflags::trap;
    auto frame = syscall_frame({.regs = regs, .in_kernel = false, .upcall_mask = false, .kernel_sp = kernel_stack},
                               {.handler = handler, .mask_events = true}, false);
    ASSERT_TRUE(frame);
    EXPECT_EQ(words_of(*frame), (std::vector<u64>{regs.rcx, regs.r11, regs.rcx, 0xe033, regs.r11, regs.rsp, 0xe02b}));
    EXPECT_EQ(frame->rflags, rflags::always_one | rflags::interrupts);
    auto compatible = syscall_frame({.regs = regs, .in_kernel = false, .upcall_mask = false, .kernel_sp = kernel_stack},
                                    {.handler = handler, .mask_events = true}, true);
    EXPECT_EQ(compatible->words[3], 0xe023u);
}

TEST(BounceFrame, FailsafeShowsDataSelectors) {
    abi::CpuUserRegs regs = some_regs();
    regs.ds = 1;
    regs.es = 2;
    regs.fs = 3;
    regs.gs = 4;
    auto frame = failsafe_frame({.regs = regs, .in_kernel = false, .upcall_mask = false, .kernel_sp = kernel_stack},
                                {.handler = handler, .mask_events = true});
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->count, 11u);
    EXPECT_EQ(frame->words[2], 1u);
    EXPECT_EQ(frame->words[5], 4u);
    EXPECT_EQ(frame->words[6], regs.rip);
}

TEST(BounceFrame, RefusesStacksAndHandlersInTheHypervisor) {
    abi::CpuUserRegs regs = some_regs();
    TrapTarget target{.handler = handler, .mask_events = false};
    u64 const bad_stacks[] = {
        0, 8, hypervisor_start, hypervisor_end, hypervisor_end + 16, 0x0000'8000'0000'0010, 0xffff'8300'0000'0000};
    for (u64 stack : bad_stacks) {
        regs.rsp = stack;
        EXPECT_FALSE(exception_frame({.regs = regs, .in_kernel = true, .upcall_mask = false, .kernel_sp = 0}, target))
            << std::hex << stack;
    }
    regs.rsp = u64{1} << 47;  // the last bytes of the lower half
    EXPECT_TRUE(exception_frame({.regs = regs, .in_kernel = true, .upcall_mask = false, .kernel_sp = 0}, target));
    target.handler = hypervisor_start;
    EXPECT_FALSE(exception_frame({.regs = regs, .in_kernel = true, .upcall_mask = false, .kernel_sp = 0}, target));
}

TEST(BounceFrame, ErrorCodesOfExceptions) {
    for (u32 vector = 0; vector < 256; ++vector) {
        bool expected = vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21;
        EXPECT_EQ(has_error_code(vector), expected) << vector;
    }
    EXPECT_EQ(guest_page_fault_code(7, true), 3u);
    EXPECT_EQ(guest_page_fault_code(2, false), 6u);
}

TEST(Iret, BackToUserModeRestoresEverything) {
    abi::CpuUserRegs regs = some_regs();
    abi::IretContext context{.rax = 1,
                             .r11 = 2,
                             .rcx = 3,
                             .flags = 0,
                             .rip = 0x40'1000,
                             .cs = 0x33,
                             .rflags = rflags::interrupts | rflags::iopl | rflags::virtual_8086,
                             .rsp = 0x7000,
                             .ss = 0x2b};
    auto state = iret_state(regs, context, true);
    ASSERT_TRUE(state);
    EXPECT_TRUE(state->to_user);
    EXPECT_FALSE(state->upcall_mask);
    EXPECT_EQ(state->regs.rax, 1u);
    EXPECT_EQ(state->regs.r11, 2u);
    EXPECT_EQ(state->regs.rcx, 3u);
    EXPECT_EQ(state->regs.rflags, rflags::interrupts | rflags::always_one);
    EXPECT_EQ(state->regs.rsp, 0x7000u);
    EXPECT_EQ(iret_state(regs, context, false).error(), Errno::inval);
}

TEST(Iret, KernelSelectorsGetTheirPrivilegeLevelBackAndTheMaskFollowsIf) {
    abi::CpuUserRegs regs = some_regs();
    abi::IretContext context{.rax = 0,
                             .r11 = 2,
                             .rcx = 3,
                             .flags = abi::vgcf::in_syscall,
                             .rip = handler,
                             .cs = 0xe030,
                             .rflags = 0,
                             .rsp = 8,
                             .ss = 0xe02b};
    auto state = iret_state(regs, context, false);
    ASSERT_TRUE(state);
    EXPECT_FALSE(state->to_user);
    EXPECT_EQ(state->regs.cs, 0xe033);
    EXPECT_TRUE(state->upcall_mask);
    EXPECT_EQ(state->regs.rflags, rflags::interrupts | rflags::always_one);
    EXPECT_EQ(state->regs.rcx, regs.rcx);  // in_syscall: left alone
}

TEST(Iret, UndoesABounce) {
    abi::CpuUserRegs regs = some_regs();
    regs.rflags = rflags::always_one | rflags::interrupts;
    auto frame = exception_frame({.regs = regs, .in_kernel = true, .upcall_mask = true, .kernel_sp = 0},
                                 {.handler = handler, .mask_events = true});
    ASSERT_TRUE(frame);
    abi::IretContext context{.rax = regs.rax,
                             .r11 = frame->words[1],
                             .rcx = frame->words[0],
                             .flags = 0,
                             .rip = frame->words[2],
                             .cs = frame->words[3] & 0xffff,
                             .rflags = frame->words[4],
                             .rsp = frame->words[5],
                             .ss = frame->words[6]};
    auto state = iret_state({}, context, false);
    ASSERT_TRUE(state);
    EXPECT_EQ(state->regs.rip, regs.rip);
    EXPECT_EQ(state->regs.rsp, regs.rsp);
    EXPECT_EQ(state->regs.cs, regs.cs);
    EXPECT_EQ(state->regs.rflags, regs.rflags);
    EXPECT_TRUE(state->upcall_mask);
}
}  // namespace
