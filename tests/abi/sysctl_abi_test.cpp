// SPDX-License-Identifier: MIT
#include "public/sysctl.hpp"

#include <gtest/gtest.h>

#include <xen/sysctl.h>
#include <xen/xen.h>

#include "compare.hpp"

TEST(AbiSysctl, OperationsAreXens) {
    SAME_VALUE(abi::sysctl::readconsole, XEN_SYSCTL_readconsole);
    SAME_VALUE(abi::sysctl::tbuf_op, XEN_SYSCTL_tbuf_op);
    SAME_VALUE(abi::sysctl::physinfo, XEN_SYSCTL_physinfo);
    SAME_VALUE(abi::sysctl::sched_id, XEN_SYSCTL_sched_id);
    SAME_VALUE(abi::sysctl::perfc_op, XEN_SYSCTL_perfc_op);
    SAME_VALUE(abi::sysctl::getdomaininfolist, XEN_SYSCTL_getdomaininfolist);
    SAME_VALUE(abi::sysctl::debug_keys, XEN_SYSCTL_debug_keys);
    SAME_VALUE(abi::sysctl::getcpuinfo, XEN_SYSCTL_getcpuinfo);
    SAME_VALUE(abi::sysctl::availheap, XEN_SYSCTL_availheap);
    SAME_VALUE(abi::sysctl::get_pmstat, XEN_SYSCTL_get_pmstat);
    SAME_VALUE(abi::sysctl::cpu_hotplug, XEN_SYSCTL_cpu_hotplug);
    SAME_VALUE(abi::sysctl::pm_op, XEN_SYSCTL_pm_op);
    SAME_VALUE(abi::sysctl::page_offline_op, XEN_SYSCTL_page_offline_op);
    SAME_VALUE(abi::sysctl::lockprof_op, XEN_SYSCTL_lockprof_op);
    SAME_VALUE(abi::sysctl::cputopoinfo, XEN_SYSCTL_cputopoinfo);
    SAME_VALUE(abi::sysctl::numainfo, XEN_SYSCTL_numainfo);
    SAME_VALUE(abi::sysctl::cpupool_op, XEN_SYSCTL_cpupool_op);
    SAME_VALUE(abi::sysctl::scheduler_op, XEN_SYSCTL_scheduler_op);
    SAME_VALUE(abi::sysctl::coverage_op, XEN_SYSCTL_coverage_op);
    SAME_VALUE(abi::sysctl::psr_cmt_op, XEN_SYSCTL_psr_cmt_op);
    SAME_VALUE(abi::sysctl::pcitopoinfo, XEN_SYSCTL_pcitopoinfo);
    SAME_VALUE(abi::sysctl::psr_alloc, XEN_SYSCTL_psr_alloc);
    SAME_VALUE(abi::cpuhotplug::online, XEN_SYSCTL_CPU_HOTPLUG_ONLINE);
    SAME_VALUE(abi::cpuhotplug::offline, XEN_SYSCTL_CPU_HOTPLUG_OFFLINE);
    SAME_VALUE(abi::cpuhotplug::smt_enable, XEN_SYSCTL_CPU_HOTPLUG_SMT_ENABLE);
    SAME_VALUE(abi::cpuhotplug::smt_disable, XEN_SYSCTL_CPU_HOTPLUG_SMT_DISABLE);
    SAME_VALUE(abi::pmop::category_mask, PM_PARA_CATEGORY_MASK);
    SAME_VALUE(abi::pmop::cpufreq, CPUFREQ_PARA);
    SAME_VALUE(abi::pmop::get_max_cstate, XEN_SYSCTL_pm_op_get_max_cstate);
    SAME_VALUE(abi::pmop::cx_unlimited, XEN_SYSCTL_CX_UNLIMITED);
    SAME_VALUE(abi::sysctl::get_cpu_levelling_caps, XEN_SYSCTL_get_cpu_levelling_caps);
    SAME_VALUE(abi::sysctl::get_cpu_featureset, XEN_SYSCTL_get_cpu_featureset);
    SAME_VALUE(abi::sysctl::get_cpu_policy, XEN_SYSCTL_get_cpu_policy);
    SAME_VALUE(abi::sysctl_interface_version, XEN_SYSCTL_INTERFACE_VERSION);
    SAME_VALUE(abi::invalid_topology_id, XEN_INVALID_CORE_ID);
    SAME_VALUE(abi::physcap::hvm, XEN_SYSCTL_PHYSCAP_hvm);
    SAME_VALUE(abi::physcap::pv, XEN_SYSCTL_PHYSCAP_pv);
    SAME_VALUE(abi::physcap::directio, XEN_SYSCTL_PHYSCAP_directio);
    SAME_VALUE(abi::physcap::hap, XEN_SYSCTL_PHYSCAP_hap);
    SAME_VALUE(abi::physcap::shadow, XEN_SYSCTL_PHYSCAP_shadow);
    SAME_VALUE(abi::physcap::iommu_hap_pt_share, XEN_SYSCTL_PHYSCAP_iommu_hap_pt_share);
    SAME_VALUE(abi::physcap::vmtrace, XEN_SYSCTL_PHYSCAP_vmtrace);
    SAME_VALUE(abi::physcap::vpmu, XEN_SYSCTL_PHYSCAP_vpmu);
    SAME_VALUE(abi::physcap::gnttab_v1, XEN_SYSCTL_PHYSCAP_gnttab_v1);
    SAME_VALUE(abi::physcap::gnttab_v2, XEN_SYSCTL_PHYSCAP_gnttab_v2);
    SAME_VALUE(abi::perfcop::reset, XEN_SYSCTL_PERFCOP_reset);
    SAME_VALUE(abi::perfcop::query, XEN_SYSCTL_PERFCOP_query);
    SAME_VALUE(abi::cpupoolop::create, XEN_SYSCTL_CPUPOOL_OP_CREATE);
    SAME_VALUE(abi::cpupoolop::destroy, XEN_SYSCTL_CPUPOOL_OP_DESTROY);
    SAME_VALUE(abi::cpupoolop::info, XEN_SYSCTL_CPUPOOL_OP_INFO);
    SAME_VALUE(abi::cpupoolop::addcpu, XEN_SYSCTL_CPUPOOL_OP_ADDCPU);
    SAME_VALUE(abi::cpupoolop::rmcpu, XEN_SYSCTL_CPUPOOL_OP_RMCPU);
    SAME_VALUE(abi::cpupoolop::movedomain, XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN);
    SAME_VALUE(abi::cpupoolop::freeinfo, XEN_SYSCTL_CPUPOOL_OP_FREEINFO);
    SAME_VALUE(abi::featureset::raw, XEN_SYSCTL_cpu_featureset_raw);
    SAME_VALUE(abi::featureset::host, XEN_SYSCTL_cpu_featureset_host);
    SAME_VALUE(abi::featureset::pv, XEN_SYSCTL_cpu_featureset_pv);
    SAME_VALUE(abi::featureset::hvm, XEN_SYSCTL_cpu_featureset_hvm);
    SAME_VALUE(abi::featureset::pv_max, XEN_SYSCTL_cpu_featureset_pv_max);
    SAME_VALUE(abi::featureset::hvm_max, XEN_SYSCTL_cpu_featureset_hvm_max);
    SAME_VALUE(abi::cpu_policy::raw, XEN_SYSCTL_cpu_policy_raw);
    SAME_VALUE(abi::cpu_policy::host, XEN_SYSCTL_cpu_policy_host);
    SAME_VALUE(abi::cpu_policy::pv_max, XEN_SYSCTL_cpu_policy_pv_max);
    SAME_VALUE(abi::cpu_policy::hvm_max, XEN_SYSCTL_cpu_policy_hvm_max);
    SAME_VALUE(abi::cpu_policy::pv_default, XEN_SYSCTL_cpu_policy_pv_default);
    SAME_VALUE(abi::cpu_policy::hvm_default, XEN_SYSCTL_cpu_policy_hvm_default);
}

TEST(AbiSysctl, ArgumentsAreXens) {
    SAME(abi::SysctlReadconsole, xen_sysctl_readconsole, clear, incremental, index, buffer, count)
    SAME(abi::SysctlPhysinfo, xen_sysctl_physinfo, threads_per_core, cores_per_socket, nr_cpus, max_cpu_id, nr_nodes,
         max_node_id, cpu_khz, capabilities, arch_capabilities, total_pages, free_pages, scrub_pages, outstanding_pages,
         max_mfn, hw_cap)
    SAME(abi::SysctlSchedId, xen_sysctl_sched_id, sched_id)
    SAME(abi::SysctlPerfcDesc, xen_sysctl_perfc_desc, name, nr_vals)
    SAME(abi::SysctlPerfcOp, xen_sysctl_perfc_op, cmd, nr_counters, nr_vals, desc, val)
    SAME(abi::SysctlGetdomaininfolist, xen_sysctl_getdomaininfolist, first_domain, max_domains, buffer, num_domains)
    SAME(abi::SysctlDebugKeys, xen_sysctl_debug_keys, keys, nr_keys)
    SAME(abi::SysctlCpuinfo, xen_sysctl_cpuinfo, idletime)
    SAME(abi::SysctlGetcpuinfo, xen_sysctl_getcpuinfo, max_cpus, info, nr_cpus)
    SAME(abi::SysctlAvailheap, xen_sysctl_availheap, min_bitwidth, max_bitwidth, node, avail_bytes)
    SAME(abi::SysctlCputopo, xen_sysctl_cputopo, core, socket, node)
    SAME(abi::SysctlCputopoinfo, xen_sysctl_cputopoinfo, num_cpus, cputopo)
    SAME(abi::SysctlMeminfo, xen_sysctl_meminfo, memsize, memfree)
    SAME(abi::SysctlNumainfo, xen_sysctl_numainfo, num_nodes, meminfo, distance)
    SAME(abi::SysctlCpupoolOp, xen_sysctl_cpupool_op, op, cpupool_id, sched_id, domid, cpu, n_dom, cpumap)
    SAME_MEMBER(abi::SysctlSchedulerOp, xen_sysctl_scheduler_op, cpupool_id)
    SAME_MEMBER(abi::SysctlSchedulerOp, xen_sysctl_scheduler_op, sched_id)
    SAME_MEMBER(abi::SysctlSchedulerOp, xen_sysctl_scheduler_op, cmd)
    SAME_MEMBER(abi::SysctlSchedulerOp, xen_sysctl_scheduler_op, u.sched_credit.vcpu_migr_delay_us)
    SAME_SIZE(abi::SysctlSchedulerOp, xen_sysctl_scheduler_op)
    SAME(abi::SysctlPcitopoinfo, xen_sysctl_pcitopoinfo, num_devs, devs, nodes)
    SAME(abi::SysctlCpuLevellingCaps, xen_sysctl_cpu_levelling_caps, caps)
    SAME(abi::SysctlCpuFeatureset, xen_sysctl_cpu_featureset, index, nr_features, features)
    SAME(abi::SysctlCpuPolicy, xen_sysctl_cpu_policy, index, nr_leaves, nr_msrs, leaves, msrs)
    SAME(abi::Sysctl, xen_sysctl, cmd, interface_version, u)
}
