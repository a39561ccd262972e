// SPDX-License-Identifier: MIT
#include "control_guest.hpp"
#include "core/sched/scheduler.hpp"
#include "public/mmu.hpp"
#include "public/vcpu.hpp"

namespace hosted {
namespace {
namespace command = abi::domctl;

// A guest whose second vCPU has no context yet, and the context, which lies in frames 20 and 21 of dom0 during a call.
struct VcpuContext : testing::Test {
    ToolWorld world;
    Guest& guest = world.add_guest(64, 2);
    std::unique_ptr<abi::VcpuGuestContext> context = std::make_unique<abi::VcpuGuestContext>();
    static constexpr u64 first_pfn = 20;

    void SetUp() override {
        forget(1);
        context->flags = abi::vgcf::in_kernel | abi::vgcf::online;
        context->user_regs.rip = 0xffff'ffff'8100'0000;
        context->user_regs.rsp = 0xffff'ffff'8200'0000;
        context->user_regs.rflags = 0x1200 | 0x2'0000;  // IOPL 1, and VM, which nobody gets
        context->user_regs.cs = 0x10;
        context->user_regs.ss = 0x18;
        context->kernel_ss = 0x18;
        context->kernel_sp = 0xffff'ffff'8200'0000;
        context->ctrlreg[3] = guest.mfn(0).value << page_shift;
        context->trap_ctxt[14] = {.vector = 14, .flags = 4, .cs = 0x10, .pad = 0, .address = 0xffff'ffff'8100'1000};
    }
    // As it is before its first context.
    void forget(u32 index) {
        Vcpu& vcpu = guest.vcpu(index);
        world.machine().current = &vcpu;
        sched::set_reason(vcpu, PauseReason::down);
        vcpu.initialised = false;
        world.machine().current = nullptr;
    }
    i64 call(u32 operation, u32 vcpu) {
        auto* bytes = reinterpret_cast<std::byte*>(context.get());
        std::memcpy(world.dom0().frame(first_pfn), bytes, page_size);
        std::memcpy(world.dom0().frame(first_pfn + 1), bytes + page_size, sizeof(*context) - page_size);
        abi::Domctl op{};
        op.u.vcpucontext = {.vcpu = VcpuId{vcpu}, .pad = 0, .ctxt = {Guest::va(first_pfn)}};
        i64 const result = domctl(world, operation, guest.id(), op);
        std::memcpy(bytes, world.dom0().frame(first_pfn), page_size);
        std::memcpy(bytes + page_size, world.dom0().frame(first_pfn + 1), sizeof(*context) - page_size);
        return result;
    }
    i64 set(u32 vcpu = 1) { return call(command::setvcpucontext, vcpu); }
    i64 get(u32 vcpu = 1) { return call(command::getvcpucontext, vcpu); }
};

TEST_F(VcpuContext, IsTakenAndMadeSafe) {
    ASSERT_EQ(set(), 0);
    Vcpu const& vcpu = guest.vcpu(1);
    EXPECT_TRUE(vcpu.initialised);
    EXPECT_EQ(vcpu.regs.rip, 0xffff'ffff'8100'0000u);
    EXPECT_EQ(vcpu.regs.cs, 0x13);
    EXPECT_EQ(vcpu.regs.ss, 0x1b);
    EXPECT_EQ(vcpu.iopl, 1);
    EXPECT_EQ(vcpu.regs.rflags, 0x202u);
    EXPECT_EQ(vcpu.traps[14].address, 0xffff'ffff'8100'1000u);
    EXPECT_EQ(vcpu.debug_registers[7], 0x400u);
    EXPECT_EQ(vcpu.debug_registers[6], 0xffff'0ff0u);
    EXPECT_FALSE(vcpu.pause_reasons & PauseReason::down);
    EXPECT_EQ(world.mismatches(), 0u);
}

TEST(Trigger, IsAnNmiOrNothing) {
    ToolWorld world;
    Guest& guest = world.add_guest(64, 2);
    auto trigger = [&](u32 kind, u32 vcpu) {
        abi::Domctl op{};
        op.u.sendtrigger = {.trigger = kind, .vcpu = VcpuId{vcpu}};
        return domctl(world, command::sendtrigger, guest.id(), op);
    };
    EXPECT_EQ(trigger(abi::trigger::nmi, 2), err(Errno::srch));
    EXPECT_EQ(trigger(abi::trigger::power, 1), err(Errno::inval));
    EXPECT_EQ(trigger(abi::trigger::reset, 1), err(Errno::nosys));
    EXPECT_FALSE(guest.vcpu(0).nmi_pending || guest.vcpu(1).nmi_pending);
    EXPECT_EQ(trigger(abi::trigger::nmi, 1), 0);
    EXPECT_TRUE(guest.vcpu(1).nmi_pending);
    EXPECT_FALSE(guest.vcpu(0).nmi_pending);
}

TEST_F(VcpuContext, ComesBackAsItWasGiven) {
    ASSERT_EQ(set(), 0);
    ASSERT_EQ(get(), 0);
    EXPECT_EQ(context->user_regs.rip, 0xffff'ffff'8100'0000u);
    EXPECT_EQ(context->user_regs.rflags, 0x1202u);
    EXPECT_EQ(context->ctrlreg[3], guest.mfn(0).value << page_shift);
    EXPECT_EQ(context->trap_ctxt[14].address, 0xffff'ffff'8100'1000u);
    EXPECT_TRUE(context->flags & abi::vgcf::online);
    EXPECT_TRUE(context->flags & abi::vgcf::in_kernel);
}

TEST_F(VcpuContext, ImpossibleOnesAreRefusedWithoutATrace) {
    auto refused = [&](auto&& change) {
        abi::VcpuGuestContext const good = *context;
        change(*context);
        i64 const result = set();
        *context = good;
        EXPECT_FALSE(guest.vcpu(1).initialised);
        EXPECT_EQ(world.mismatches(), 0u);
        return result;
    };
    EXPECT_EQ(refused([](auto& c) { c.user_regs.rip = 0x8000'0000'0000; }), err(Errno::inval));
    EXPECT_EQ(refused([](auto& c) { c.gs_base_kernel = 0x8000'0000'0000; }), err(Errno::inval));
    EXPECT_EQ(refused([](auto& c) { c.trap_ctxt[200].address = 0x8000'0000'0000; }), err(Errno::inval));
    EXPECT_EQ(refused([](auto& c) { c.gdt_ents = 7169; }), err(Errno::inval));
    EXPECT_EQ(refused([](auto& c) { c.ldt_ents = 8193; }), err(Errno::inval));
    EXPECT_EQ(refused([](auto& c) { c.ctrlreg[3] = ~u64{0}; }), err(Errno::inval));
    EXPECT_EQ(refused([&](auto& c) { c.ctrlreg[3] = guest.mfn(9).value << page_shift; }), err(Errno::inval));
    EXPECT_EQ(refused([&](auto& c) { c.ctrlreg[1] = world.dom0().mfn(0).value << page_shift; }), err(Errno::inval));
    for (u64 none : {0u, 8u, 0xfffu}) {
        EXPECT_EQ(refused([&](auto& c) { c.ctrlreg[3] = none; }), err(Errno::inval)) << "no kernel root";
        EXPECT_EQ(refused([&](auto& c) { c.flags = 0, c.ctrlreg[1] = none; }), err(Errno::inval)) << "no user root";
    }
    EXPECT_EQ(refused([&](auto& c) {
                  c.gdt_ents = 16;
                  c.gdt_frames[0] = guest.mfn(10);  // mapped writable
              }),
              err(Errno::inval));
}

TEST_F(VcpuContext, OfAnInitialisedVcpuOnlyRegistersMayChange) {
    ASSERT_EQ(set(), 0);
    context->user_regs.rax = 1;
    EXPECT_EQ(set(), 0);
    EXPECT_EQ(guest.vcpu(1).regs.rax, 1u);
    context->ctrlreg[1] = guest.mfn(0).value << page_shift;
    EXPECT_EQ(set(), err(Errno::opnotsupp));
    context->flags = 0;
    for (u64 none : {0u, 8u, 0xfffu}) {
        context->ctrlreg[1] = none;
        EXPECT_EQ(set(), err(Errno::inval)) << "user mode without a user root";
    }
    EXPECT_TRUE(guest.vcpu(1).in_kernel);
}

TEST_F(VcpuContext, OfAnInitialisedVcpuTheDescriptorTableStays) {
    for (u64 pfn : {10, 11}) ASSERT_EQ(guest.protect(pfn), 0);
    context->gdt_ents = 16;
    context->gdt_frames[0] = guest.mfn(10);
    ASSERT_EQ(set(), 0);
    EXPECT_EQ(set(), 0);
    context->gdt_frames[0] = guest.mfn(11);
    EXPECT_EQ(set(), err(Errno::opnotsupp));
    EXPECT_EQ(guest.vcpu(1).gdt_frames[0], guest.mfn(10));
    EXPECT_EQ(world.mismatches(), 0u);
}

TEST_F(VcpuContext, TheFirstOneOfVcpu0IsForTheDomainAsWell) {
    forget(0);
    guest.domain().shared_info->wc_sec = 0;
    context->vm_assist = ~u64{0};
    ASSERT_EQ(set(0), 0);
    u64 const assists = guest.domain().vm_assist;
    EXPECT_TRUE(assists >> abi::vmassist::writable_pagetables & 1);
    EXPECT_FALSE(assists >> 63) << "which is none of those that there are";
    EXPECT_EQ(guest.domain().shared_info->wc_sec, 1'700'000'000u);
    context->vm_assist = 0;
    ASSERT_EQ(set(0), 0);
    EXPECT_EQ(guest.domain().vm_assist, assists) << "later contexts are for the vCPU alone";
}

TEST_F(VcpuContext, NumbersAndPointersAreChecked) {
    EXPECT_EQ(set(2), err(Errno::inval));
    EXPECT_EQ(set(~0u), err(Errno::inval));
    EXPECT_EQ(get(1), err(Errno::nodata));
    abi::Domctl op{};
    op.u.vcpucontext = {.vcpu = VcpuId{1}, .pad = 0, .ctxt = {0x1000}};
    EXPECT_EQ(domctl(world, command::setvcpucontext, guest.id(), op), err(Errno::fault));
}

TEST_F(VcpuContext, FpuStateIsMadeLoadable) {
    context->flags |= abi::vgcf::i387_valid;
    std::memset(context->fpu_ctxt, 0xff, sizeof(context->fpu_ctxt));
    ASSERT_EQ(set(), 0);
    u32 mxcsr;
    std::memcpy(&mxcsr, guest.vcpu(1).xstate + 24, sizeof(mxcsr));
    EXPECT_EQ(mxcsr & ~0xffbfu, 0u) << "a reserved bit would fault when the hypervisor loads it";
}

TEST(DomctlVcpu, InfoTellsWhatAVcpuDoes) {
    ToolWorld world;
    Guest& guest = world.add_guest(64, 2);
    sched::set_reason(guest.vcpu(0), PauseReason::blocked);
    sched::set_reason(guest.vcpu(1), PauseReason::down);
    abi::Domctl op{};
    op.u.getvcpuinfo.vcpu = VcpuId{0};
    EXPECT_EQ(domctl(world, command::getvcpuinfo, guest.id(), op), 0);
    EXPECT_EQ(op.u.getvcpuinfo.online, 1);
    EXPECT_EQ(op.u.getvcpuinfo.blocked, 1);
    EXPECT_EQ(op.u.getvcpuinfo.running, 0);
    op.u.getvcpuinfo.vcpu = VcpuId{1};
    EXPECT_EQ(domctl(world, command::getvcpuinfo, guest.id(), op), 0);
    EXPECT_EQ(op.u.getvcpuinfo.online, 0);
    op.u.getvcpuinfo.vcpu = VcpuId{2};
    EXPECT_EQ(domctl(world, command::getvcpuinfo, guest.id(), op), err(Errno::inval));
    EXPECT_TRUE(info_of(world, guest.id()).flags & abi::dominf::blocked);
    EXPECT_EQ(info_of(world, guest.id()).nr_online_vcpus, 1u);
    sched::set_reason(guest.vcpu(0), PauseReason::down);
    EXPECT_FALSE(info_of(world, guest.id()).flags & abi::dominf::blocked) << "nobody is there to block";
}

TEST(DomctlVcpu, AffinityNamesCpusThatExist) {
    ToolWorld world;
    Guest& guest = world.add_guest();
    InDom0<std::array<u8, 32>> map{world, 20};
    abi::Domctl op{};
    u32 flags = abi::vcpuaffinity::hard;
    auto request = [&](u32 operation, u32 bits) {
        op.u.vcpuaffinity = {.vcpu = VcpuId{0},
                             .flags = flags,
                             .cpumap_hard = {.bitmap = {map.address()}, .nr_bits = bits, .pad = 0},
                             .cpumap_soft = {}};
        return domctl(world, operation, guest.id(), op);
    };
    guest.domain().pause_count = 0;
    (*map) = {0x04};
    EXPECT_EQ(request(command::setvcpuaffinity, 8), 0);
    EXPECT_EQ(guest.vcpu().cpu, 2u);
    ASSERT_TRUE(sched::pin(guest.vcpu(), 3));
    EXPECT_EQ(request(command::setvcpuaffinity, 8), err(Errno::busy));
    EXPECT_EQ(guest.vcpu().cpu, 3u);
    flags |= abi::vcpuaffinity::force;
    (*map) = {};
    EXPECT_EQ(request(command::setvcpuaffinity, 8), err(Errno::inval));
    EXPECT_TRUE(guest.vcpu().pinned) << "what is refused changes nothing";
    (*map) = {0x04};
    EXPECT_EQ(request(command::setvcpuaffinity, 8), 0);
    EXPECT_EQ(guest.vcpu().cpu, 2u);
    (*map) = {};
    EXPECT_EQ(request(command::setvcpuaffinity, 8), err(Errno::inval));
    (*map) = {0xf0};  // the machine has four
    EXPECT_EQ(request(command::setvcpuaffinity, 8), err(Errno::inval));
    (*map)[30] = 0xff;
    EXPECT_EQ(request(command::getvcpuaffinity, 256), 0);
    EXPECT_EQ((*map)[0], 0x04);
    EXPECT_EQ((*map)[30], 0);
}

TEST(DomctlVcpu, OfSoftAffinityThoseCpusTakeEffectThatAreHardToo) {
    ToolWorld world;
    Guest& guest = world.add_guest();
    InDom0<std::array<u8, 8>> hard{world, 20};
    InDom0<std::array<u8, 8>> soft{world, 21};
    abi::Domctl op{};
    auto request = [&](u32 operation) {
        op.u.vcpuaffinity = {.vcpu = VcpuId{0},
                             .flags = abi::vcpuaffinity::hard | abi::vcpuaffinity::soft,
                             .cpumap_hard = {.bitmap = {hard.address()}, .nr_bits = 8, .pad = 0},
                             .cpumap_soft = {.bitmap = {soft.address()}, .nr_bits = 8, .pad = 0}};
        return domctl(world, operation, guest.id(), op);
    };
    (*hard) = {0x03};
    (*soft) = {0x06};
    EXPECT_EQ(request(command::setvcpuaffinity), 0);
    EXPECT_EQ((*hard)[0], 0x03);
    EXPECT_EQ((*soft)[0], 0x02);
    EXPECT_EQ(request(command::getvcpuaffinity), 0);
    EXPECT_EQ((*soft)[0], 0x06) << "what was asked for is kept";
}
}  // namespace
}  // namespace hosted
