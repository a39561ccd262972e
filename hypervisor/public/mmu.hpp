// SPDX-License-Identifier: MIT
// mmu_update, mmuext_op, update_va_mapping, vm_assist and the fixed address ranges (xen.h, arch-x86/xen-x86_64.h).
#pragma once
#include "public/types.hpp"

namespace abi {
inline constexpr u64 hypervisor_virt_start = 0xffff800000000000;
inline constexpr u64 hypervisor_virt_end = 0xffff880000000000;
inline constexpr u64 machphys_virt_start = 0xffff800000000000;
inline constexpr u64 machphys_virt_end = 0xffff804000000000;
inline constexpr u64 machphys_nr_entries = (machphys_virt_end - machphys_virt_start) >> 3;
inline constexpr u32 first_hypervisor_l4_slot = 256;
inline constexpr u32 last_hypervisor_l4_slot = 271;

// The low two bits of MmuUpdate::ptr.
namespace mmu {
enum Command : u32 {
    normal_pt_update = 0,
    machphys_update = 1,
    pt_update_preserve_ad = 2,
    pt_update_no_translate = 3,
};
inline constexpr u64 command_mask = 3;
}  // namespace mmu

struct MmuUpdate {
    u64 ptr;
    u64 val;

    constexpr u32 command() const { return static_cast<u32>(ptr & mmu::command_mask); }
    constexpr Maddr address() const { return Maddr{ptr & ~mmu::command_mask}; }
};
static_assert(sizeof(MmuUpdate) == 16);

namespace mmuext {
enum Command : u32 {
    pin_l1_table = 0,
    pin_l2_table = 1,
    pin_l3_table = 2,
    pin_l4_table = 3,
    unpin_table = 4,
    new_baseptr = 5,
    tlb_flush_local = 6,
    invlpg_local = 7,
    tlb_flush_multi = 8,
    invlpg_multi = 9,
    tlb_flush_all = 10,
    invlpg_all = 11,
    flush_cache = 12,
    set_ldt = 13,
    new_user_baseptr = 15,
    clear_page = 16,
    copy_page = 17,
    flush_cache_global = 18,
    mark_super = 19,
    unmark_super = 20,
};
}  // namespace mmuext

struct MmuextOp {
    u32 cmd;
    u32 pad;
    union {
        Mfn mfn;
        Vaddr linear_addr;
    } arg1;
    union {
        u32 nr_ents;  // only the low half means anything then
        guest_ptr<void> vcpumask;
        Mfn src_mfn;
        u64 raw;
    } arg2;
};
static_assert(sizeof(MmuextOp) == 24);

// Bit 31 of the count of mmu_update and mmuext_op marks a call that the hypervisor continues by itself.
inline constexpr u32 mmu_update_preempted = 1u << 31;

// Flags of update_va_mapping: what to flush, and where (0: here, all: everywhere, else a pointer to a vCPU bitmap).
namespace uvmf {
inline constexpr u64 none = 0;
inline constexpr u64 tlb_flush = 1;
inline constexpr u64 invlpg = 2;
inline constexpr u64 flushtype_mask = 3;
inline constexpr u64 multi = 0;
inline constexpr u64 local = 0;
inline constexpr u64 all = 4;
}  // namespace uvmf

namespace vmassist {
enum Command : u32 { enable = 0, disable = 1 };
enum Type : u32 {
    segments_4gb = 0,
    segments_4gb_notify = 1,
    writable_pagetables = 2,
    pae_extended_cr3 = 3,
    architectural_iopl = 4,
    runstate_update_flag = 5,
    m2p_strict = 32,
};
}  // namespace vmassist
}  // namespace abi
