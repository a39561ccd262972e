// SPDX-License-Identifier: MIT
#include "core/pv/trap_frame.hpp"
#include "core/mm/pte.hpp"

namespace hv::pv {
namespace {
constexpr u64 stack_alignment = 16;
constexpr u16 privilege_mask = 3;
constexpr u64 cleared_on_entry =
    rflags::trap | rflags::nested_task | rflags::resume | rflags::virtual_8086 | rflags::alignment_check;

// Collects the words and places them below the stack pointer.
class FrameBuilder {
public:
    explicit FrameBuilder(TrapSource const& source) : source_{source} { frame_.from_user = !source.in_kernel; }

    void push(u64 word) { frame_.words[frame_.count++] = word; }

    // rip, cs with the mask, rflags, rsp, ss: what every frame ends with.
    void push_return(u64 rip, u16 cs, u16 ss, u64 flags) {
        u16 selector = static_cast<u16>(cs | privilege_mask);
        if (source_.in_kernel) selector = static_cast<u16>(selector & ~privilege_mask);
        flags &= ~(rflags::interrupts | rflags::iopl);
        if (!source_.upcall_mask) flags |= rflags::interrupts;
        flags |= u64{source_.iopl} << 12 & rflags::iopl;

        push(rip);
        push(selector | u64{source_.upcall_mask} << 32);
        push(flags);
        push(source_.regs.rsp);
        push(ss);
    }

    Result<BounceFrame> start(TrapTarget const& target) {
        if (!is_guest_address(target.handler)) return Errno::fault;
        u64 top = (source_.in_kernel ? source_.regs.rsp : source_.kernel_sp) & ~(stack_alignment - 1);
        frame_.address = top - u64{frame_.count} * 8;
        bool lies_below_hypervisor = top <= u64{1} << 47;
        bool lies_above_hypervisor = frame_.address >= hypervisor_end;
        if (frame_.address >= top || (!lies_below_hypervisor && !lies_above_hypervisor)) return Errno::fault;

        frame_.rip = target.handler;
        frame_.rflags = source_.regs.rflags & ~cleared_on_entry;
        frame_.upcall_mask = source_.upcall_mask || target.mask_events;
        return frame_;
    }

private:
    TrapSource const& source_;
    BounceFrame frame_{};
};
}  // namespace

void enter_handler(BounceFrame const& frame, abi::CpuUserRegs& regs) {
    regs.rip = frame.rip;
    regs.cs = abi::selector::flat_cs64;
    regs.rflags = frame.rflags;
    regs.rsp = frame.address;
    regs.ss = abi::selector::flat_ss;
}

Result<BounceFrame> exception_frame(TrapSource const& source, TrapTarget const& target) {
    FrameBuilder builder{source};
    builder.push(source.regs.rcx);
    builder.push(source.regs.r11);
    if (target.error_code) builder.push(*target.error_code);
    builder.push_return(source.regs.rip, source.regs.cs, source.regs.ss, source.regs.rflags);
    return builder.start(target);
}

Result<BounceFrame> event_frame(TrapSource const& source, u64 handler) {
    return exception_frame(source, {.handler = handler, .mask_events = true});
}

Result<BounceFrame> syscall_frame(TrapSource const& source, TrapTarget const& target, bool compatibility) {
    FrameBuilder builder{source};
    builder.push(source.regs.rcx);
    builder.push(source.regs.r11);
    builder.push_return(source.regs.rcx, compatibility ? abi::selector::flat_cs32 : abi::selector::flat_cs64,
                        abi::selector::flat_ss, source.regs.r11);
    Result<BounceFrame> frame = builder.start(target);
    if (!frame) return frame;
    frame->rflags = (source.regs.r11 & ~(cleared_on_entry | rflags::direction | rflags::iopl)) | rflags::interrupts |
                    rflags::always_one;
    return frame;
}

Result<BounceFrame> failsafe_frame(TrapSource const& source, TrapTarget const& target) {
    FrameBuilder builder{source};
    builder.push(source.regs.rcx);
    builder.push(source.regs.r11);
    builder.push(source.regs.ds);
    builder.push(source.regs.es);
    builder.push(source.regs.fs);
    builder.push(source.regs.gs);
    builder.push_return(source.regs.rip, source.regs.cs, source.regs.ss, source.regs.rflags);
    return builder.start(target);
}

Result<IretState> iret_state(abi::CpuUserRegs const& regs, abi::IretContext const& context, bool has_user_root) {
    IretState state{.regs = regs};
    state.to_user = (context.cs & privilege_mask) == privilege_mask;
    if (state.to_user && !has_user_root) return Errno::inval;
    if (!is_canonical(context.rip)) return Errno::fault;

    state.regs.rax = context.rax;
    state.regs.rip = context.rip;
    state.regs.cs = static_cast<u16>(context.cs | privilege_mask);
    state.regs.rflags =
        (context.rflags & ~(rflags::iopl | rflags::virtual_8086)) | rflags::interrupts | rflags::always_one;
    state.regs.rsp = context.rsp;
    state.regs.ss = static_cast<u16>(context.ss | privilege_mask);
    if ((context.flags & abi::vgcf::in_syscall) == 0) {
        state.regs.rcx = context.rcx;
        state.regs.r11 = context.r11;
    }
    state.upcall_mask = (context.rflags & rflags::interrupts) == 0;
    return state;
}
}  // namespace hv::pv
