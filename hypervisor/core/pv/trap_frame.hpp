// SPDX-License-Identifier: MIT
// Frames on a guest's stack: what an exception, a system call, an event or a failsafe callback pushes, and what the
// iret hypercall takes back. The assembly paths in x86/entry do the common cases; this is the general path and their
// model.
#pragma once
#include <array>
#include <optional>
#include "core/pv/registers.hpp"
#include "portable/base/result.hpp"

namespace hv::pv {
// The interrupted vCPU.
struct TrapSource {
    abi::CpuUserRegs const& regs;
    bool in_kernel;    // virtual mode
    bool upcall_mask;  // evtchn_upcall_mask
    u64 kernel_sp;     // where frames from user mode begin
    u8 iopl = 0;       // shown in the frame only with vm_assist architectural_iopl; pass 0 otherwise
};

struct TrapTarget {
    u64 handler;
    bool mask_events;
    std::optional<u64> error_code{};
};

// What to write at `address`, lowest word first, and the state in which the handler starts. The caller makes the toggle
// to kernel mode (root, GS base) first if `from_user`; it crashes the domain if the words cannot be written.
struct BounceFrame {
    std::array<u64, 11> words{};
    u32 count = 0;
    u64 address = 0;
    bool from_user = false;
    bool upcall_mask = false;  // new evtchn_upcall_mask
    u64 rip = 0;
    u64 rflags = 0;
};
// The registers with which the handler starts.
void enter_handler(BounceFrame const& frame, abi::CpuUserRegs& regs);

// fault: the frame does not lie in guest memory, or the handler is no guest address. Event upcalls are exceptions too.
Result<BounceFrame> exception_frame(TrapSource const& source, TrapTarget const& target);
// SYSCALL from user mode; rcx and r11 hold rip and rflags. `compatibility`: it came from 32-bit code.
Result<BounceFrame> syscall_frame(TrapSource const& source, TrapTarget const& target, bool compatibility);
// Reloading the guest's segment registers faulted: their selectors are shown to the guest,
// and the caller clears the registers.
Result<BounceFrame> failsafe_frame(TrapSource const& source, TrapTarget const& target);

// Vectors that push an error code.
constexpr bool has_error_code(u32 vector) {
    return vector < 32 && (0x0022'7d00u >> vector & 1) != 0;  // 8, 10-14, 17, 21
}
// The error code of a page fault as the guest sees it: user means guest user mode.
constexpr u64 guest_page_fault_code(u64 code, bool in_kernel) {
    constexpr u64 user = 4;
    return in_kernel ? code & ~user : code | user;
}

struct IretState {
    abi::CpuUserRegs regs{};
    bool to_user = false;      // needs the toggle to the user root
    bool upcall_mask = false;  // new evtchn_upcall_mask
    u8 iopl = 0;               // counts with vm_assist architectural_iopl
};

// `regs` is the state at the hypercall. inval: to user mode without a user root, which the domain does not survive.
// What the processor itself checks is left to it: the address, the selectors.
Result<IretState> iret_state(abi::CpuUserRegs const& regs, abi::IretContext const& context, bool has_user_root);
}  // namespace hv::pv
