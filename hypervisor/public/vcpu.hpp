// SPDX-License-Identifier: MIT
// The state of a virtual processor as it crosses the ABI, and the vcpu_op and callback_op hypercalls
// (vcpu.h, callback.h, arch-x86/xen.h, arch-x86/xen-x86_64.h).
#pragma once
#include "public/types.hpp"

namespace abi {
// Selectors of the hypervisor's part of the GDT that a guest may use at any time.
namespace selector {
inline constexpr u16 flat_cs32 = 0xe023;
inline constexpr u16 flat_ss = 0xe02b;
inline constexpr u16 flat_cs64 = 0xe033;
inline constexpr u16 flat_ds64 = 0;
inline constexpr u32 first_reserved_gdt_page = 14;
inline constexpr u32 first_reserved_gdt_byte = first_reserved_gdt_page * 4096;
inline constexpr u32 first_reserved_gdt_entry = first_reserved_gdt_byte / 8;
}  // namespace selector

struct CpuUserRegs {
    u64 r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
    u32 error_code;
    u32 entry_vector;
    u64 rip;
    u16 cs;
    u16 pad0;
    u8 saved_upcall_mask;
    u8 pad1[3];
    u64 rflags;
    u64 rsp;
    u16 ss;
    u16 pad2[3];
    u16 es;
    u16 pad3[3];
    u16 ds;
    u16 pad4[3];
    u16 fs;
    u16 pad5[3];
    u16 gs;
    u16 pad6[3];
};
static_assert(sizeof(CpuUserRegs) == 200);

// One virtual IDT gate. A table given to set_trap_table ends with an entry of address 0.
struct TrapInfo {
    u8 vector;
    u8 flags;  // bits 0-1: privilege level that may raise it by software; bit 2: mask events on delivery
    u16 cs;
    u32 pad;
    u64 address;

    constexpr u8 dpl() const { return flags & 3; }
    constexpr bool masks_events() const { return (flags & 4) != 0; }
};
static_assert(sizeof(TrapInfo) == 16);

inline constexpr u32 trap_vectors = 256;
inline constexpr u8 trap_dpl_mask = 3;
inline constexpr u8 trap_masks_events = 4;

// Bits of VcpuGuestContext::flags.
namespace vgcf {
inline constexpr u64 i387_valid = 1u << 0;
inline constexpr u64 in_kernel = 1u << 2;
inline constexpr u64 failsafe_disables_events = 1u << 3;
inline constexpr u64 syscall_disables_events = 1u << 4;
inline constexpr u64 online = 1u << 5;
inline constexpr u64 in_syscall = 1u << 8;  // IretContext::flags only: rcx and r11 need not be restored
}  // namespace vgcf

inline constexpr u32 max_gdt_frames = 16;

struct VcpuGuestContext {
    u8 fpu_ctxt[512];
    u64 flags;
    CpuUserRegs user_regs;
    TrapInfo trap_ctxt[trap_vectors];
    Vaddr ldt_base;
    u64 ldt_ents;
    Mfn gdt_frames[max_gdt_frames];
    u64 gdt_ents;
    u64 kernel_ss;
    u64 kernel_sp;
    u64 ctrlreg[8];  // [1] is the user root, [3] the kernel root, both as mfn << 12
    u64 debugreg[8];
    u64 event_callback_eip;
    u64 failsafe_callback_eip;
    u64 syscall_callback_eip;
    u64 vm_assist;
    u64 fs_base;
    u64 gs_base_kernel;
    u64 gs_base_user;
};
static_assert(sizeof(VcpuGuestContext) == 5168);

// What lies at the guest's stack pointer when it makes the iret hypercall.
struct IretContext {
    u64 rax, r11, rcx, flags, rip, cs, rflags, rsp, ss;
};
static_assert(sizeof(IretContext) == 72);

// set_segment_base
namespace segbase {
enum Which : u32 { fs = 0, gs_user = 1, gs_kernel = 2, gs_user_sel = 3 };
}  // namespace segbase

// vcpu_op
namespace vcpuop {
enum Command : u32 {
    initialise = 0,
    up = 1,
    down = 2,
    is_up = 3,
    get_runstate_info = 4,
    register_runstate_memory_area = 5,
    set_periodic_timer = 6,
    stop_periodic_timer = 7,
    set_singleshot_timer = 8,
    stop_singleshot_timer = 9,
    register_vcpu_info = 10,
    send_nmi = 11,
    get_physid = 12,
    register_vcpu_time_memory_area = 13,
};
}  // namespace vcpuop

namespace runstate {
enum State : u32 { running = 0, runnable = 1, blocked = 2, offline = 3 };
inline constexpr u64 update = u64{1} << 63;  // in state_entry_time while the guest's copy is being written
}  // namespace runstate

struct VcpuRunstateInfo {
    u32 state;
    u32 pad;
    u64 state_entry_time;
    u64 time[4];
};
static_assert(sizeof(VcpuRunstateInfo) == 48);

struct VcpuTimeInfo;

struct VcpuRegisterRunstateMemoryArea {
    guest_ptr<VcpuRunstateInfo> addr;
};

struct VcpuRegisterTimeMemoryArea {
    guest_ptr<VcpuTimeInfo> addr;
};

struct VcpuSetPeriodicTimer {
    u64 period_ns;
};

struct VcpuSetSingleshotTimer {
    u64 timeout_abs_ns;
    u32 flags;
    u32 pad;
};
inline constexpr u32 singleshot_timer_future = 1;

struct RegisterVcpuInfo {
    Mfn mfn;
    u32 offset;
    u32 rsvd;
};
static_assert(sizeof(RegisterVcpuInfo) == 16);

struct VcpuGetPhysid {
    u64 phys_id;  // APIC id in the low half, ACPI id in the high half
};

// callback_op
namespace callbackop {
enum Command : u32 { register_callback = 0, unregister_callback = 1 };
}  // namespace callbackop

namespace callback {
enum Type : u16 {
    event = 0,
    failsafe = 1,
    syscall = 2,
    sysenter_deprecated = 3,
    nmi = 4,
    sysenter = 5,
    syscall32 = 7,
};
inline constexpr u16 mask_events = 1;
}  // namespace callback

struct CallbackRegister {
    u16 type;
    u16 flags;
    u32 pad;
    Vaddr address;
};
static_assert(sizeof(CallbackRegister) == 16);

struct CallbackUnregister {
    u16 type;
    u16 unused;
};

// nmi_op
namespace nmiop {
enum Command : u32 { register_callback = 0, unregister_callback = 1 };
}  // namespace nmiop

struct NmiCallback {
    Vaddr handler_address;
    u64 pad;
};
}  // namespace abi
