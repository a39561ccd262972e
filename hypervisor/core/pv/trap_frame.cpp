// SPDX-License-Identifier: MIT
#include "core/pv/trap_frame.hpp"
#include <algorithm>

namespace hv::pv {
namespace {
constexpr u64 stack_alignment = 16;
constexpr u16 privilege_mask = 3;
constexpr u64 cleared_on_entry =
    rflags::trap | rflags::nested_task | rflags::resume | rflags::virtual_8086 | rflags::alignment_check;

// `first` and what every frame ends with: rip, cs with the mask, rflags, rsp, ss of `back`.
Result<BounceFrame> frame_of(TrapSource const& source, TrapTarget const& target, std::initializer_list<u64> first,
                             abi::CpuUserRegs const& back) {
    if (!is_guest_address(target.handler)) return Errno::fault;
    u64 selector = source.in_kernel ? back.cs & ~privilege_mask : back.cs | privilege_mask;
    u64 flags = back.rflags & ~(rflags::interrupts | rflags::iopl);
    flags |= (source.upcall_mask ? 0 : rflags::interrupts) | (u64{source.iopl} << 12 & rflags::iopl);
    u64 const last[] = {back.rip, selector | u64{source.upcall_mask} << 32, flags, back.rsp, back.ss};

    BounceFrame frame;
    u64* end = std::ranges::copy(last, std::ranges::copy(first, frame.words.data()).out).out;
    frame.count = static_cast<u32>(end - frame.words.data());
    u64 top = (source.in_kernel ? source.regs.rsp : source.kernel_sp) & ~(stack_alignment - 1);
    frame.address = top - u64{frame.count} * 8;
    bool lies_below_hypervisor = top <= u64{1} << 47;
    bool lies_above_hypervisor = frame.address >= hypervisor_end;
    if (frame.address >= top || (!lies_below_hypervisor && !lies_above_hypervisor)) return Errno::fault;

    frame.from_user = !source.in_kernel;
    frame.upcall_mask = source.upcall_mask || target.mask_events;
    frame.rip = target.handler;
    frame.rflags = source.regs.rflags & ~cleared_on_entry;
    return frame;
}
}  // namespace

void enter_handler(BounceFrame const& frame, abi::CpuUserRegs& regs) {
    regs.rip = frame.rip;
    regs.cs = abi::selector::flat_cs64;
    regs.rflags = frame.rflags;
    regs.rsp = frame.address;
    regs.ss = abi::selector::flat_ss;
}

Result<BounceFrame> exception_frame(TrapSource const& source, TrapTarget const& target) {
    abi::CpuUserRegs const& regs = source.regs;
    if (target.error_code) return frame_of(source, target, {regs.rcx, regs.r11, *target.error_code}, regs);
    return frame_of(source, target, {regs.rcx, regs.r11}, regs);
}

Result<BounceFrame> syscall_frame(TrapSource const& source, TrapTarget const& target, bool compatibility) {
    abi::CpuUserRegs back = source.regs;
    back.rip = back.rcx;
    back.cs = compatibility ? abi::selector::flat_cs32 : abi::selector::flat_cs64;
    back.ss = abi::selector::flat_ss;
    back.rflags = back.r11;
    auto frame = TRY(frame_of(source, target, {back.rcx, back.r11}, back));
    frame.rflags =
        (back.r11 & ~(cleared_on_entry | rflags::direction | rflags::iopl)) | rflags::interrupts | rflags::always_one;
    return frame;
}

Result<BounceFrame> failsafe_frame(TrapSource const& source, TrapTarget const& target) {
    abi::CpuUserRegs const& regs = source.regs;
    return frame_of(source, target, {regs.rcx, regs.r11, regs.ds, regs.es, regs.fs, regs.gs}, regs);
}

Result<IretState> iret_state(abi::CpuUserRegs const& regs, abi::IretContext const& context, bool has_user_root) {
    IretState state{.regs = regs};
    state.to_user = (context.cs & privilege_mask) == privilege_mask;
    if (state.to_user && !has_user_root) return Errno::inval;
    state.regs.rax = context.rax;
    state.regs.rip = context.rip;
    state.regs.cs = static_cast<u16>(context.cs | privilege_mask);
    state.regs.rflags =
        (context.rflags & ~(rflags::iopl | rflags::virtual_8086)) | rflags::interrupts | rflags::always_one;
    state.regs.rsp = context.rsp;
    state.regs.ss = static_cast<u16>(context.ss | privilege_mask);
    if (!(context.flags & abi::vgcf::in_syscall)) {
        state.regs.rcx = context.rcx;
        state.regs.r11 = context.r11;
    }
    state.upcall_mask = !(context.rflags & rflags::interrupts);
    state.iopl = context.rflags >> 12 & 3;
    return state;
}
}  // namespace hv::pv
