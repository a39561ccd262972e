// SPDX-License-Identifier: MIT
// The page a domain shares with the hypervisor (xen.h, arch-x86/xen.h). Both sides write it at any time:
// the hypervisor reads each field once.
#pragma once
#include "public/types.hpp"

namespace abi {
inline constexpr u32 legacy_max_vcpus = 32;

// A seqlock: version is odd while the fields change.
struct VcpuTimeInfo {
    u32 version;
    u32 pad0;
    u64 tsc_timestamp;
    u64 system_time;
    u32 tsc_to_system_mul;
    i8 tsc_shift;
    u8 flags;
    u8 pad1[2];
};
static_assert(sizeof(VcpuTimeInfo) == 32);

inline constexpr u8 pvclock_tsc_stable = 1;
inline constexpr u8 pvclock_guest_stopped = 2;

struct ArchVcpuInfo {
    u64 cr2;
    u64 pad;
};

struct VcpuInfo {
    u8 evtchn_upcall_pending;
    u8 evtchn_upcall_mask;
    u8 pad0[6];
    u64 evtchn_pending_sel;
    ArchVcpuInfo arch;
    VcpuTimeInfo time;
};
static_assert(sizeof(VcpuInfo) == 64);

struct ArchSharedInfo {
    u64 max_pfn;
    Mfn pfn_to_mfn_frame_list_list;
    u64 nmi_reason;
    u64 p2m_cr3;
    Vaddr p2m_vaddr;
    u64 p2m_generation;
};

struct SharedInfo {
    VcpuInfo vcpu_info[legacy_max_vcpus];
    u64 evtchn_pending[64];
    u64 evtchn_mask[64];
    u32 wc_version;
    u32 wc_sec;
    u32 wc_nsec;
    u32 wc_sec_hi;
    ArchSharedInfo arch;
};
static_assert(sizeof(SharedInfo) == 3136);
}  // namespace abi
