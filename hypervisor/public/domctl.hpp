// SPDX-License-Identifier: MIT
// domctl, interface version 0x15: what control tools do to one domain (domctl.h of Xen 4.17).
#pragma once
#include "public/types.hpp"
#include "public/vcpu.hpp"
#include "public/version.hpp"

namespace abi {
inline constexpr u32 domctl_interface_version = 0x15;

namespace domctl {
enum Command : u32 {
    createdomain = 1,
    destroydomain = 2,
    pausedomain = 3,
    unpausedomain = 4,
    getdomaininfo = 5,
    setvcpuaffinity = 9,
    shadow_op = 10,
    max_mem = 11,
    setvcpucontext = 12,
    getvcpucontext = 13,
    getvcpuinfo = 14,
    max_vcpus = 15,
    scheduler_op = 16,
    setdomainhandle = 17,
    setdebugging = 18,
    irq_permission = 19,
    iomem_permission = 20,
    ioport_permission = 21,
    hypercall_init = 22,
    settimeoffset = 24,
    getvcpuaffinity = 25,
    resumedomain = 27,
    sendtrigger = 28,
    subscribe = 29,
    set_address_size = 35,
    get_address_size = 36,
    assign_device = 37,
    set_ext_vcpucontext = 42,
    get_ext_vcpucontext = 43,
    test_assign_device = 45,
    set_target = 46,
    deassign_device = 47,
    gettscinfo = 59,
    settscinfo = 60,
    getpageframeinfo3 = 61,
    setvcpuextstate = 62,
    getvcpuextstate = 63,
    set_virq_handler = 66,
    setnodeaffinity = 68,
    getnodeaffinity = 69,
    get_vcpu_msrs = 72,
    set_vcpu_msrs = 73,
    setvnumainfo = 74,
    soft_reset = 79,
    get_cpu_policy = 82,
    set_cpu_policy = 83,
};
}  // namespace domctl

struct Bitmap {
    guest_ptr<u8> bitmap;
    u32 nr_bits;
    u32 pad;
};
static_assert(sizeof(Bitmap) == 16);

struct ArchDomainconfig {
    u32 emulation_flags;
    u32 misc_flags;
};
inline constexpr u32 misc_flags_msr_relaxed = 1;

// DomctlCreatedomain::flags
namespace cdf {
inline constexpr u32 hvm = 1u << 0;
inline constexpr u32 hap = 1u << 1;
inline constexpr u32 s3_integrity = 1u << 2;
inline constexpr u32 oos_off = 1u << 3;
inline constexpr u32 xs_domain = 1u << 4;
inline constexpr u32 iommu = 1u << 5;
inline constexpr u32 nested_virt = 1u << 6;
inline constexpr u32 vpmu = 1u << 7;
}  // namespace cdf

inline constexpr u32 grant_version_mask = 0xf;  // of DomctlCreatedomain::grant_opts

struct DomctlCreatedomain {
    u32 ssidref;
    DomainHandle handle;
    u32 flags;
    u32 iommu_opts;
    u32 max_vcpus;
    u32 max_evtchn_port;
    i32 max_grant_frames;     // negative: the hypervisor's default
    i32 max_maptrack_frames;  // likewise
    u32 grant_opts;
    u32 vmtrace_size;
    u32 cpupool_id;
    ArchDomainconfig arch;
};
static_assert(sizeof(DomctlCreatedomain) == 64);

// DomctlGetdomaininfo::flags; the reason of a shutdown stands at shutdown_shift.
namespace dominf {
inline constexpr u32 dying = 1u << 0;
inline constexpr u32 hvm_guest = 1u << 1;
inline constexpr u32 shutdown = 1u << 2;
inline constexpr u32 paused = 1u << 3;
inline constexpr u32 blocked = 1u << 4;
inline constexpr u32 running = 1u << 5;
inline constexpr u32 debugged = 1u << 6;
inline constexpr u32 xs_domain = 1u << 7;
inline constexpr u32 hap = 1u << 8;
inline constexpr u32 shutdown_mask = 255;
inline constexpr u32 shutdown_shift = 16;
}  // namespace dominf

inline constexpr u32 invalid_max_vcpu_id = ~u32{0};

struct DomctlGetdomaininfo {
    Domid domain;
    u16 pad1;
    u32 flags;
    u64 tot_pages;
    u64 max_pages;
    u64 outstanding_pages;
    u64 shr_pages;
    u64 paged_pages;
    Gfn shared_info_frame;
    u64 cpu_time;
    u32 nr_online_vcpus;
    u32 max_vcpu_id;
    u32 ssidref;
    DomainHandle handle;
    u32 cpupool;
    u8 gpaddr_bits;
    u8 pad2[7];
    ArchDomainconfig arch_config;
};
static_assert(sizeof(DomctlGetdomaininfo) == 112);

// The upper four bits of an entry that getpageframeinfo3 returns.
namespace pfinfo {
inline constexpr u32 shift = 28;
inline constexpr u64 notab = 0;
inline constexpr u64 l1tab = u64{1} << 28;
inline constexpr u64 l2tab = u64{2} << 28;
inline constexpr u64 l3tab = u64{3} << 28;
inline constexpr u64 l4tab = u64{4} << 28;
inline constexpr u64 lpintab = u64{1} << 31;
inline constexpr u64 broken = u64{0xd} << 28;
inline constexpr u64 xalloc = u64{0xe} << 28;
inline constexpr u64 xtab = u64{0xf} << 28;
}  // namespace pfinfo

struct DomctlGetpageframeinfo3 {
    u64 num;
    guest_ptr<u64> array;
};

// DomctlShadowOp::op
namespace shadowop {
enum Command : u32 {
    off = 0,
    enable_test = 1,
    enable_logdirty = 2,
    clean = 11,
    peek = 12,
    get_allocation = 30,
    set_allocation = 31,
    enable = 32,
};
}  // namespace shadowop

struct DomctlShadowOp {
    u32 op;
    u32 mode;
    u32 mb;
    u32 pad;
    guest_ptr<u8> dirty_bitmap;
    u64 pages;
    struct {
        u32 fault_count;
        u32 dirty_count;
    } stats;
};
static_assert(sizeof(DomctlShadowOp) == 40);

struct DomctlMaxMem {
    u64 max_memkb;
};

struct DomctlVcpucontext {
    VcpuId vcpu;
    u32 pad;
    guest_ptr<VcpuGuestContext> ctxt;
};
static_assert(sizeof(DomctlVcpucontext) == 16);

struct DomctlGetvcpuinfo {
    VcpuId vcpu;
    u8 online;
    u8 blocked;
    u8 running;
    u8 pad0;
    u64 cpu_time;
    u32 cpu;
    u32 pad1;
};
static_assert(sizeof(DomctlGetvcpuinfo) == 24);

struct DomctlNodeaffinity {
    Bitmap nodemap;
};

// DomctlVcpuaffinity::flags
namespace vcpuaffinity {
inline constexpr u32 hard = 1;
inline constexpr u32 soft = 2;
inline constexpr u32 force = 4;
}  // namespace vcpuaffinity

struct DomctlVcpuaffinity {
    VcpuId vcpu;
    u32 flags;
    Bitmap cpumap_hard;
    Bitmap cpumap_soft;
};
static_assert(sizeof(DomctlVcpuaffinity) == 40);

struct DomctlMaxVcpus {
    u32 max;
};

namespace scheduler {
enum Id : u32 { credit = 5, credit2 = 6, arinc653 = 7, rtds = 8, null = 9 };
enum Command : u32 { putinfo = 0, getinfo = 1, putvcpuinfo = 2, getvcpuinfo = 3 };
}  // namespace scheduler

struct DomctlSchedCredit {
    u16 weight;
    u16 cap;
};

struct DomctlSchedulerOp {
    u32 sched_id;
    u32 cmd;
    union {
        DomctlSchedCredit credit;
        DomctlSchedCredit credit2;
        u64 raw[2];
    } u;
};
static_assert(sizeof(DomctlSchedulerOp) == 24);

struct DomctlSetdomainhandle {
    DomainHandle handle;
};

struct DomctlSetdebugging {
    u8 enable;
};

struct DomctlIrqPermission {
    u32 pirq;
    u8 allow_access;
    u8 pad[3];
};

struct DomctlIomemPermission {
    Mfn first_mfn;
    u64 nr_mfns;
    u8 allow_access;
    u8 pad[7];
};
static_assert(sizeof(DomctlIomemPermission) == 24);

struct DomctlIoportPermission {
    u32 first_port;
    u32 nr_ports;
    u8 allow_access;
    u8 pad[3];
};
static_assert(sizeof(DomctlIoportPermission) == 12);

struct DomctlHypercallInit {
    Gfn gmfn;
};

struct DomctlSettimeoffset {
    i64 time_offset_seconds;
};

struct DomctlAddressSize {
    u32 size;
};

struct DomctlExtVcpucontext {
    VcpuId vcpu;
    u32 size;
    u64 syscall32_callback_eip;
    u64 sysenter_callback_eip;
    u16 syscall32_callback_cs;
    u16 sysenter_callback_cs;
    u8 syscall32_disables_events;
    u8 sysenter_disables_events;
    u16 pad;
    u64 mcg_cap;
    u64 mce_banks[3];
};
static_assert(sizeof(DomctlExtVcpucontext) == 64);

struct DomctlSetTarget {
    Domid target;
};

struct CpuidLeaf {
    u32 leaf, subleaf;
    u32 a, b, c, d;
};
static_assert(sizeof(CpuidLeaf) == 24);
inline constexpr u32 cpuid_no_subleaf = ~u32{0};

struct MsrEntry {
    u32 idx;
    u32 flags;
    u64 val;
};
static_assert(sizeof(MsrEntry) == 16);

struct DomctlCpuPolicy {
    u32 nr_leaves;
    u32 nr_msrs;
    guest_ptr<CpuidLeaf> leaves;
    guest_ptr<MsrEntry> msrs;
    u32 err_leaf, err_subleaf, err_msr;
    u32 pad;
};
static_assert(sizeof(DomctlCpuPolicy) == 40);

struct DomctlTscInfo {
    u32 tsc_mode;
    u32 gtsc_khz;
    u32 incarnation;
    u32 pad;
    u64 elapsed_nsec;
};
static_assert(sizeof(DomctlTscInfo) == 24);

// DomctlSendtrigger::trigger
namespace trigger {
enum Kind : u32 { nmi = 0, reset = 1, init = 2, power = 3, sleep = 4 };
}  // namespace trigger

struct DomctlSendtrigger {
    u32 trigger;
    VcpuId vcpu;
};

struct DomctlSetVirqHandler {
    u32 virq;
};

struct DomctlVcpuextstate {
    VcpuId vcpu;
    u32 pad;
    u64 xfeature_mask;
    u64 size;
    guest_ptr<u64> buffer;
};
static_assert(sizeof(DomctlVcpuextstate) == 32);

struct DomctlVcpuMsr {
    u32 index;
    u32 reserved;
    u64 value;
};

struct DomctlVcpuMsrs {
    VcpuId vcpu;
    u32 msr_count;
    guest_ptr<DomctlVcpuMsr> msrs;
};
static_assert(sizeof(DomctlVcpuMsrs) == 16);

struct Domctl {
    u32 cmd;
    u32 interface_version;
    Domid domain;
    u16 pad[3];
    union {
        DomctlCreatedomain createdomain;
        DomctlGetdomaininfo getdomaininfo;
        DomctlGetpageframeinfo3 getpageframeinfo3;
        DomctlNodeaffinity nodeaffinity;
        DomctlVcpuaffinity vcpuaffinity;
        DomctlShadowOp shadow_op;
        DomctlMaxMem max_mem;
        DomctlVcpucontext vcpucontext;
        DomctlGetvcpuinfo getvcpuinfo;
        DomctlMaxVcpus max_vcpus;
        DomctlSchedulerOp scheduler_op;
        DomctlSetdomainhandle setdomainhandle;
        DomctlSetdebugging setdebugging;
        DomctlIrqPermission irq_permission;
        DomctlIomemPermission iomem_permission;
        DomctlIoportPermission ioport_permission;
        DomctlHypercallInit hypercall_init;
        DomctlSettimeoffset settimeoffset;
        DomctlAddressSize address_size;
        DomctlExtVcpucontext ext_vcpucontext;
        DomctlSetTarget set_target;
        DomctlCpuPolicy cpu_policy;
        DomctlTscInfo tsc_info;
        DomctlSendtrigger sendtrigger;
        DomctlSetVirqHandler set_virq_handler;
        DomctlVcpuextstate vcpuextstate;
        DomctlVcpuMsrs vcpu_msrs;
        u8 pad[128];
    } u;
};
static_assert(sizeof(Domctl) == 144);
}  // namespace abi
