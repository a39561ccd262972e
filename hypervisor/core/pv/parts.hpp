// SPDX-License-Identifier: MIT
// What a PV guest can set about its processor, and what it has switched on for itself. While a vCPU runs, its general
// registers are at the top of the CPU's stack and `regs` is stale; segment bases are in hardware
// (hal::save_segment_bases).
#pragma once
#include <array>
#include <atomic>
#include <cstddef>
#include "portable/base/types.hpp"
#include "public/vcpu.hpp"

namespace hv {
struct TrapGate {
    u64 address;  // 0: not set
    u16 selector;
    u8 privilege;  // who may use it by INT n
    bool mask_events;
};

struct GuestCallback {
    u64 address;  // 0: not registered
    bool mask_events;
};
}  // namespace hv

namespace hv::pv {
struct VcpuPart {
    // --- read by the assembly paths (x86/entry)
    u64 kernel_sp = 0;
    u16 kernel_ss = 0;
    bool in_kernel = true;    // virtual mode; both run in ring 3
    u8 iopl = 0;              // virtual I/O privilege level
    bool shows_iopl = false;  // in trap frames and iret, by vm_assist architectural_iopl; a kernel is at level 0 then
    bool has_io_privilege() const { return iopl >= (!in_kernel ? 3 : shows_iopl ? 0 : 1); }
    GuestCallback event_callback{};
    GuestCallback failsafe_callback{};
    GuestCallback syscall_callback{};
    GuestCallback syscall32_callback{};
    GuestCallback sysenter_callback{};
    std::atomic<bool> nmi_pending{false};
    std::array<TrapGate, 256> traps{};

    // --- registers
    abi::CpuUserRegs regs{};
    u64 fs_base = 0;
    u64 gs_base_kernel = 0;
    u64 gs_base_user = 0;
    u64 cr2 = 0;
    u64 cr4 = 0;  // only the bits a guest may choose
    bool cr0_ts = false;
    std::array<u64, 8> debug_registers{0, 0, 0, 0, 0, 0, 0xffff0ff0, 0x400};
    u64 tsc_aux = 0;
    u64 xcr0 = 3;                                // x87 and SSE, as Xen starts a vCPU
    std::byte* xstate = nullptr;                 // hal::xstate_size() bytes
    u64 io_bitmap = 0;                           // guest address of the port permission bitmap, in the kernel's root
    u32 io_bitmap_ports = 0;                     // beyond them all ports are closed
    u32 pci_config_address = 0;                  // virtual latch of port 0xcf8
    bool initialised = false;                    // has a context
    std::atomic<bool> being_initialised{false};  // one at a time
};

struct DomainPart {
    u64 vm_assist = 0;  // bit per VMASST_TYPE_*
};
}  // namespace hv::pv
