// SPDX-License-Identifier: MIT
// sysctl, interface version 0x15: what control tools do to the whole machine (sysctl.h of Xen 4.17).
#pragma once
#include "public/domctl.hpp"
#include "public/types.hpp"

namespace abi {
inline constexpr u32 sysctl_interface_version = 0x15;

namespace sysctl {
enum Command : u32 {
    readconsole = 1,
    tbuf_op = 2,
    physinfo = 3,
    sched_id = 4,
    perfc_op = 5,
    getdomaininfolist = 6,
    debug_keys = 7,
    getcpuinfo = 8,
    availheap = 9,
    get_pmstat = 10,
    cpu_hotplug = 11,
    pm_op = 12,
    page_offline_op = 14,
    lockprof_op = 15,
    cputopoinfo = 16,
    numainfo = 17,
    cpupool_op = 18,
    scheduler_op = 19,
    coverage_op = 20,
    psr_cmt_op = 21,
    pcitopoinfo = 22,
    psr_alloc = 23,
    get_cpu_levelling_caps = 25,
    get_cpu_featureset = 26,
    get_cpu_policy = 29,
};
}  // namespace sysctl

struct SysctlReadconsole {
    u8 clear;
    u8 incremental;
    u8 pad0, pad1;
    u32 index;
    guest_ptr<char> buffer;
    u32 count;
    u32 pad2;
};
static_assert(sizeof(SysctlReadconsole) == 24);

// SysctlPhysinfo::capabilities
namespace physcap {
inline constexpr u32 hvm = 1u << 0;
inline constexpr u32 pv = 1u << 1;
inline constexpr u32 directio = 1u << 2;
inline constexpr u32 hap = 1u << 3;
inline constexpr u32 shadow = 1u << 4;
inline constexpr u32 iommu_hap_pt_share = 1u << 5;
inline constexpr u32 vmtrace = 1u << 6;
inline constexpr u32 vpmu = 1u << 7;
inline constexpr u32 gnttab_v1 = 1u << 8;
inline constexpr u32 gnttab_v2 = 1u << 9;
}  // namespace physcap

struct SysctlPhysinfo {
    u32 threads_per_core;
    u32 cores_per_socket;
    u32 nr_cpus;
    u32 max_cpu_id;
    u32 nr_nodes;
    u32 max_node_id;
    u32 cpu_khz;
    u32 capabilities;
    u32 arch_capabilities;
    u32 pad;
    u64 total_pages;
    u64 free_pages;
    u64 scrub_pages;
    u64 outstanding_pages;
    u64 max_mfn;
    u32 hw_cap[8];
};
static_assert(sizeof(SysctlPhysinfo) == 112);

struct SysctlSchedId {
    u32 sched_id;
};

struct SysctlGetdomaininfolist {
    Domid first_domain;
    u16 pad0;
    u32 max_domains;
    guest_ptr<DomctlGetdomaininfo> buffer;
    u32 num_domains;
    u32 pad1;
};
static_assert(sizeof(SysctlGetdomaininfolist) == 24);

struct SysctlDebugKeys {
    guest_ptr<char> keys;
    u32 nr_keys;
    u32 pad;
};

struct SysctlCpuinfo {
    u64 idletime;
};

struct SysctlGetcpuinfo {
    u32 max_cpus;
    u32 pad0;
    guest_ptr<SysctlCpuinfo> info;
    u32 nr_cpus;
    u32 pad1;
};

struct SysctlAvailheap {
    u32 min_bitwidth;
    u32 max_bitwidth;
    i32 node;
    u32 pad;
    u64 avail_bytes;
};
static_assert(sizeof(SysctlAvailheap) == 24);

struct SysctlCputopo {
    u32 core;
    u32 socket;
    u32 node;
};
inline constexpr u32 invalid_topology_id = ~u32{0};  // of a core, a socket, a node

struct SysctlCputopoinfo {
    u32 num_cpus;
    u32 pad;
    guest_ptr<SysctlCputopo> cputopo;
};

struct SysctlMeminfo {
    u64 memsize;
    u64 memfree;
};

struct SysctlNumainfo {
    u32 num_nodes;
    u32 pad;
    guest_ptr<SysctlMeminfo> meminfo;
    guest_ptr<u32> distance;
};
static_assert(sizeof(SysctlNumainfo) == 24);

namespace cpupoolop {
enum Command : u32 {
    create = 1,
    destroy = 2,
    info = 3,
    addcpu = 4,
    rmcpu = 5,
    movedomain = 6,
    freeinfo = 7,
};
}  // namespace cpupoolop

struct SysctlCpupoolOp {
    u32 op;
    u32 cpupool_id;
    u32 sched_id;
    u32 domid;
    u32 cpu;
    u32 n_dom;
    Bitmap cpumap;
};
static_assert(sizeof(SysctlCpupoolOp) == 40);

struct SysctlSchedulerOp {
    u32 cpupool_id;
    u32 sched_id;
    u32 cmd;
    u32 pad;
    union {
        guest_ptr<void> sched_arinc653;
        struct {
            u32 tslice_ms;
            u32 ratelimit_us;
            u32 vcpu_migr_delay_us;
            u32 pad;
        } sched_credit;
        struct {
            u32 ratelimit_us;
            u32 pad[3];
        } sched_credit2;
    } u;
};
static_assert(sizeof(SysctlSchedulerOp) == 32);

struct SysctlPcitopoinfo {
    u32 num_devs;
    u32 pad;
    guest_ptr<void> devs;
    guest_ptr<u32> nodes;
};

namespace perfcop {
enum Command : u32 { reset = 1, query = 2 };
}  // namespace perfcop

struct SysctlPerfcDesc {
    char name[80];
    u32 nr_vals;
};
static_assert(sizeof(SysctlPerfcDesc) == 84);

struct SysctlPerfcOp {
    u32 cmd;
    u32 nr_counters;
    u32 nr_vals;
    u32 pad;
    guest_ptr<SysctlPerfcDesc> desc;
    guest_ptr<u32> val;
};
static_assert(sizeof(SysctlPerfcOp) == 32);

struct SysctlCpuLevellingCaps {
    u32 caps;
};

struct SysctlGetPmstat {
    u32 type;
    u32 cpuid;
};

namespace cpuhotplug {
enum Operation : u32 { online = 0, offline = 1, smt_enable = 2, smt_disable = 3 };
}  // namespace cpuhotplug

struct SysctlCpuHotplug {
    u32 cpu;
    u32 op;
};

namespace pmop {
inline constexpr u32 category_mask = 0xf0;
inline constexpr u32 cpufreq = 0x10;
inline constexpr u32 get_max_cstate = 0x22;
inline constexpr u32 cx_unlimited = ~u32{0};
}  // namespace pmop

struct SysctlPmOp {
    u32 cmd;
    u32 cpuid;  // of get_max_cstate: 0 states, 1 sub-states
    u64 value;
};

namespace featureset {
enum Index : u32 { raw = 0, host = 1, pv = 2, hvm = 3, pv_max = 4, hvm_max = 5 };
}  // namespace featureset

struct SysctlCpuFeatureset {
    u32 index;
    u32 nr_features;
    guest_ptr<u32> features;
};

namespace cpu_policy {
enum Index : u32 { raw = 0, host = 1, pv_max = 2, hvm_max = 3, pv_default = 4, hvm_default = 5 };
}  // namespace cpu_policy

struct SysctlCpuPolicy {
    u32 index;
    u32 nr_leaves;
    u32 nr_msrs;
    u32 rsvd;
    guest_ptr<CpuidLeaf> leaves;
    guest_ptr<MsrEntry> msrs;
};
static_assert(sizeof(SysctlCpuPolicy) == 32);

struct Sysctl {
    u32 cmd;
    u32 interface_version;
    union {
        SysctlReadconsole readconsole;
        SysctlPhysinfo physinfo;
        SysctlSchedId sched_id;
        SysctlPerfcOp perfc_op;
        SysctlGetdomaininfolist getdomaininfolist;
        SysctlDebugKeys debug_keys;
        SysctlGetcpuinfo getcpuinfo;
        SysctlAvailheap availheap;
        SysctlCputopoinfo cputopoinfo;
        SysctlNumainfo numainfo;
        SysctlCpupoolOp cpupool_op;
        SysctlSchedulerOp scheduler_op;
        SysctlPcitopoinfo pcitopoinfo;
        SysctlGetPmstat get_pmstat;
        SysctlCpuHotplug cpu_hotplug;
        SysctlPmOp pm_op;
        SysctlCpuLevellingCaps cpu_levelling_caps;
        SysctlCpuFeatureset cpu_featureset;
        SysctlCpuPolicy cpu_policy;
        u8 pad[128];
    } u;
};
static_assert(sizeof(Sysctl) == 136);
}  // namespace abi
