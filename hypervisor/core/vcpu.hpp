// SPDX-License-Identifier: MIT
// A virtual CPU: everything a PV guest can set about its processor. Plain data: x86 loads it into hardware when the
// vCPU is switched in, core changes it on behalf of hypercalls. While the vCPU runs, its general registers are at the
// top of the CPU's stack and `regs` is stale; segment bases are in hardware (hal::save_segment_bases).
#pragma once
#include <array>
#include <atomic>
#include "base/bitmap.hpp"
#include "base/types.hpp"
#include "core/hal/vcpu.hpp"
#include "core/mm/held_root.hpp"
#include "core/mm/page_info.hpp"
#include "core/sched/timer.hpp"
#include "public/shared_info.hpp"
#include "public/vcpu.hpp"

namespace hv {
struct Domain;

inline constexpr u32 max_gdt_frames = 14;  // selectors from 0xe000 on are the hypervisor's
inline constexpr u32 max_ldt_frames = 16;
inline constexpr u32 max_vcpus_per_domain = 128;
inline constexpr u32 legacy_vcpus = 32;  // those that have a vcpu_info in shared_info

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

// Why a vCPU is not runnable; it runs when all are clear and no pause count is held on it or its domain.
struct PauseReason {
    static constexpr u32 down = 1u << 0;       // VCPUOP_down, or never brought up
    static constexpr u32 blocked = 1u << 1;    // SCHEDOP_block
    static constexpr u32 polling = 1u << 2;    // SCHEDOP_poll
    static constexpr u32 shut_down = 1u << 3;  // its domain has shut down
    static constexpr u32 capped = 1u << 4;     // its domain has used what its cap allows in this period
};

struct Vcpu {
    // --- read by the assembly paths (x86/entry); offsets are generated
    abi::VcpuInfo* info = nullptr;  // in shared_info or on the page the guest registered
    HeldRoot kernel_root;           // what its kernel runs on: there since it has a context
    HeldRoot user_root;             // what its user space runs on, if it has one
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

    Domain* domain = nullptr;  // null for an idle vCPU
    VcpuId id{};
    bool is_idle() const { return domain == nullptr; }

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
    u64 xcr0 = 3;                 // x87 and SSE, as Xen starts a vCPU
    std::byte* xstate = nullptr;  // hal::xstate_size() bytes
    u64 io_bitmap = 0;            // guest address of the port permission bitmap, in the kernel's root
    u32 io_bitmap_ports = 0;      // beyond them all ports are closed
    u32 pci_config_address = 0;   // virtual latch of port 0xcf8

    // --- descriptor tables; each frame holds a typed segdesc reference
    std::array<Mfn, max_gdt_frames> gdt_frames{};
    u32 gdt_entries = 0;
    std::array<Mfn, max_ldt_frames> ldt_frames{};
    u32 ldt_entries = 0;
    u64 ldt_base = 0;

    // --- memory the hypervisor writes for the guest
    PageInfo* info_page = nullptr;  // typed writable reference if registered by the guest
    u64 runstate_area = 0;          // guest address; 0: none
    u64 time_area = 0;              // guest address of a second vcpu_time_info; 0: none

    // --- scheduling (core/sched owns these)
    std::atomic<CpuId> cpu{0};         // whose run queue it belongs to
    std::atomic<bool> running{false};  // loaded on `cpu` right now
    bool queued = false;
    Vcpu* queue_next = nullptr;
    Vcpu* queue_prev = nullptr;
    u64 virtual_time = 0;       // run time scaled by weight: the least goes first
    CpuMask hard_affinity;      // where it may run
    CpuMask soft_affinity;      // where it would like to
    CpuMask unpinned_affinity;  // the hard one that comes back after SCHEDOP_pin_override
    bool pinned = false;
    std::atomic<u32> pause_reasons{PauseReason::down};
    std::atomic<u32> pause_count{0};
    std::atomic<u32> poll_port{0};  // port waited for in SCHEDOP_poll; 0: a list, or none
    abi::VcpuRunstateInfo runstate{};
    Timer singleshot_timer{};
    Timer periodic_timer{};
    Timer poll_timer{};
    u64 periodic_ns = 0;
    bool initialised = false;                    // has a context
    std::atomic<bool> being_initialised{false};  // one at a time

    // --- deferred work
    DemotionQueue demotions{};
};
}  // namespace hv
