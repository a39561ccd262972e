// SPDX-License-Identifier: MIT
#include "public/domctl.hpp"

#include <gtest/gtest.h>

#include <xen/domctl.h>
#include <xen/xen.h>

#include "compare.hpp"

TEST(AbiDomctl, OperationsAreXens) {
    SAME_VALUE(abi::domctl::createdomain, XEN_DOMCTL_createdomain);
    SAME_VALUE(abi::domctl::destroydomain, XEN_DOMCTL_destroydomain);
    SAME_VALUE(abi::domctl::pausedomain, XEN_DOMCTL_pausedomain);
    SAME_VALUE(abi::domctl::unpausedomain, XEN_DOMCTL_unpausedomain);
    SAME_VALUE(abi::domctl::getdomaininfo, XEN_DOMCTL_getdomaininfo);
    SAME_VALUE(abi::domctl::setvcpuaffinity, XEN_DOMCTL_setvcpuaffinity);
    SAME_VALUE(abi::domctl::shadow_op, XEN_DOMCTL_shadow_op);
    SAME_VALUE(abi::domctl::max_mem, XEN_DOMCTL_max_mem);
    SAME_VALUE(abi::domctl::setvcpucontext, XEN_DOMCTL_setvcpucontext);
    SAME_VALUE(abi::domctl::getvcpucontext, XEN_DOMCTL_getvcpucontext);
    SAME_VALUE(abi::domctl::getvcpuinfo, XEN_DOMCTL_getvcpuinfo);
    SAME_VALUE(abi::domctl::max_vcpus, XEN_DOMCTL_max_vcpus);
    SAME_VALUE(abi::domctl::scheduler_op, XEN_DOMCTL_scheduler_op);
    SAME_VALUE(abi::domctl::setdomainhandle, XEN_DOMCTL_setdomainhandle);
    SAME_VALUE(abi::domctl::setdebugging, XEN_DOMCTL_setdebugging);
    SAME_VALUE(abi::domctl::irq_permission, XEN_DOMCTL_irq_permission);
    SAME_VALUE(abi::domctl::iomem_permission, XEN_DOMCTL_iomem_permission);
    SAME_VALUE(abi::domctl::ioport_permission, XEN_DOMCTL_ioport_permission);
    SAME_VALUE(abi::domctl::hypercall_init, XEN_DOMCTL_hypercall_init);
    SAME_VALUE(abi::domctl::settimeoffset, XEN_DOMCTL_settimeoffset);
    SAME_VALUE(abi::domctl::getvcpuaffinity, XEN_DOMCTL_getvcpuaffinity);
    SAME_VALUE(abi::domctl::resumedomain, XEN_DOMCTL_resumedomain);
    SAME_VALUE(abi::domctl::sendtrigger, XEN_DOMCTL_sendtrigger);
    SAME_VALUE(abi::domctl::subscribe, XEN_DOMCTL_subscribe);
    SAME_VALUE(abi::domctl::set_address_size, XEN_DOMCTL_set_address_size);
    SAME_VALUE(abi::domctl::get_address_size, XEN_DOMCTL_get_address_size);
    SAME_VALUE(abi::domctl::assign_device, XEN_DOMCTL_assign_device);
    SAME_VALUE(abi::domctl::set_ext_vcpucontext, XEN_DOMCTL_set_ext_vcpucontext);
    SAME_VALUE(abi::domctl::get_ext_vcpucontext, XEN_DOMCTL_get_ext_vcpucontext);
    SAME_VALUE(abi::domctl::test_assign_device, XEN_DOMCTL_test_assign_device);
    SAME_VALUE(abi::domctl::set_target, XEN_DOMCTL_set_target);
    SAME_VALUE(abi::domctl::deassign_device, XEN_DOMCTL_deassign_device);
    SAME_VALUE(abi::domctl::gettscinfo, XEN_DOMCTL_gettscinfo);
    SAME_VALUE(abi::domctl::settscinfo, XEN_DOMCTL_settscinfo);
    SAME_VALUE(abi::domctl::getpageframeinfo3, XEN_DOMCTL_getpageframeinfo3);
    SAME_VALUE(abi::domctl::setvcpuextstate, XEN_DOMCTL_setvcpuextstate);
    SAME_VALUE(abi::domctl::getvcpuextstate, XEN_DOMCTL_getvcpuextstate);
    SAME_VALUE(abi::domctl::set_virq_handler, XEN_DOMCTL_set_virq_handler);
    SAME_VALUE(abi::domctl::setnodeaffinity, XEN_DOMCTL_setnodeaffinity);
    SAME_VALUE(abi::domctl::getnodeaffinity, XEN_DOMCTL_getnodeaffinity);
    SAME_VALUE(abi::domctl::get_vcpu_msrs, XEN_DOMCTL_get_vcpu_msrs);
    SAME_VALUE(abi::domctl::set_vcpu_msrs, XEN_DOMCTL_set_vcpu_msrs);
    SAME_VALUE(abi::domctl::setvnumainfo, XEN_DOMCTL_setvnumainfo);
    SAME_VALUE(abi::domctl::soft_reset, XEN_DOMCTL_soft_reset);
    SAME_VALUE(abi::domctl::get_cpu_policy, XEN_DOMCTL_get_cpu_policy);
    SAME_VALUE(abi::domctl::set_cpu_policy, XEN_DOMCTL_set_cpu_policy);
    SAME_VALUE(abi::domctl_interface_version, XEN_DOMCTL_INTERFACE_VERSION);
}

TEST(AbiDomctl, FlagsAreXens) {
    SAME_VALUE(abi::cdf::hvm, XEN_DOMCTL_CDF_hvm);
    SAME_VALUE(abi::cdf::hap, XEN_DOMCTL_CDF_hap);
    SAME_VALUE(abi::cdf::s3_integrity, XEN_DOMCTL_CDF_s3_integrity);
    SAME_VALUE(abi::cdf::oos_off, XEN_DOMCTL_CDF_oos_off);
    SAME_VALUE(abi::cdf::xs_domain, XEN_DOMCTL_CDF_xs_domain);
    SAME_VALUE(abi::cdf::iommu, XEN_DOMCTL_CDF_iommu);
    SAME_VALUE(abi::cdf::nested_virt, XEN_DOMCTL_CDF_nested_virt);
    SAME_VALUE(abi::cdf::vpmu, XEN_DOMCTL_CDF_vpmu);
    SAME_VALUE(abi::dominf::dying, XEN_DOMINF_dying);
    SAME_VALUE(abi::dominf::hvm_guest, XEN_DOMINF_hvm_guest);
    SAME_VALUE(abi::dominf::shutdown, XEN_DOMINF_shutdown);
    SAME_VALUE(abi::dominf::paused, XEN_DOMINF_paused);
    SAME_VALUE(abi::trigger::nmi, XEN_DOMCTL_SENDTRIGGER_NMI);
    SAME_VALUE(abi::trigger::sleep, XEN_DOMCTL_SENDTRIGGER_SLEEP);
    SAME_VALUE(abi::dominf::blocked, XEN_DOMINF_blocked);
    SAME_VALUE(abi::dominf::running, XEN_DOMINF_running);
    SAME_VALUE(abi::dominf::debugged, XEN_DOMINF_debugged);
    SAME_VALUE(abi::dominf::xs_domain, XEN_DOMINF_xs_domain);
    SAME_VALUE(abi::dominf::hap, XEN_DOMINF_hap);
    SAME_VALUE(abi::dominf::shutdown_mask, XEN_DOMINF_shutdownmask);
    SAME_VALUE(abi::dominf::shutdown_shift, XEN_DOMINF_shutdownshift);
    SAME_VALUE(abi::invalid_max_vcpu_id, XEN_INVALID_MAX_VCPU_ID);
    SAME_VALUE(abi::grant_version_mask, XEN_DOMCTL_GRANT_version_mask);
    SAME_VALUE(abi::misc_flags_msr_relaxed, XEN_X86_MSR_RELAXED);
    SAME_VALUE(abi::cpuid_no_subleaf, XEN_CPUID_NO_SUBLEAF);
    SAME_VALUE(abi::pfinfo::notab, XEN_DOMCTL_PFINFO_NOTAB);
    SAME_VALUE(abi::pfinfo::l1tab, XEN_DOMCTL_PFINFO_L1TAB);
    SAME_VALUE(abi::pfinfo::l2tab, XEN_DOMCTL_PFINFO_L2TAB);
    SAME_VALUE(abi::pfinfo::l3tab, XEN_DOMCTL_PFINFO_L3TAB);
    SAME_VALUE(abi::pfinfo::l4tab, XEN_DOMCTL_PFINFO_L4TAB);
    SAME_VALUE(abi::pfinfo::lpintab, XEN_DOMCTL_PFINFO_LPINTAB);
    SAME_VALUE(abi::pfinfo::broken, XEN_DOMCTL_PFINFO_BROKEN);
    SAME_VALUE(abi::pfinfo::xalloc, XEN_DOMCTL_PFINFO_XALLOC);
    SAME_VALUE(abi::pfinfo::xtab, XEN_DOMCTL_PFINFO_XTAB);
    SAME_VALUE(abi::pfinfo::shift, XEN_DOMCTL_PFINFO_LTAB_SHIFT);
    SAME_VALUE(abi::shadowop::off, XEN_DOMCTL_SHADOW_OP_OFF);
    SAME_VALUE(abi::shadowop::enable_test, XEN_DOMCTL_SHADOW_OP_ENABLE_TEST);
    SAME_VALUE(abi::shadowop::enable_logdirty, XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY);
    SAME_VALUE(abi::shadowop::clean, XEN_DOMCTL_SHADOW_OP_CLEAN);
    SAME_VALUE(abi::shadowop::peek, XEN_DOMCTL_SHADOW_OP_PEEK);
    SAME_VALUE(abi::shadowop::get_allocation, XEN_DOMCTL_SHADOW_OP_GET_ALLOCATION);
    SAME_VALUE(abi::shadowop::set_allocation, XEN_DOMCTL_SHADOW_OP_SET_ALLOCATION);
    SAME_VALUE(abi::shadowop::enable, XEN_DOMCTL_SHADOW_OP_ENABLE);
    SAME_VALUE(abi::vcpuaffinity::hard, XEN_VCPUAFFINITY_HARD);
    SAME_VALUE(abi::vcpuaffinity::soft, XEN_VCPUAFFINITY_SOFT);
    SAME_VALUE(abi::vcpuaffinity::force, XEN_VCPUAFFINITY_FORCE);
    SAME_VALUE(abi::scheduler::credit, XEN_SCHEDULER_CREDIT);
    SAME_VALUE(abi::scheduler::credit2, XEN_SCHEDULER_CREDIT2);
    SAME_VALUE(abi::scheduler::arinc653, XEN_SCHEDULER_ARINC653);
    SAME_VALUE(abi::scheduler::rtds, XEN_SCHEDULER_RTDS);
    SAME_VALUE(abi::scheduler::null, XEN_SCHEDULER_NULL);
    SAME_VALUE(abi::scheduler::putinfo, XEN_DOMCTL_SCHEDOP_putinfo);
    SAME_VALUE(abi::scheduler::getinfo, XEN_DOMCTL_SCHEDOP_getinfo);
    SAME_VALUE(abi::scheduler::putvcpuinfo, XEN_DOMCTL_SCHEDOP_putvcpuinfo);
    SAME_VALUE(abi::scheduler::getvcpuinfo, XEN_DOMCTL_SCHEDOP_getvcpuinfo);
}

TEST(AbiDomctl, ArgumentsAreXens){
    SAME(abi::Bitmap, xenctl_bitmap, bitmap, nr_bits) SAME(abi::ArchDomainconfig, xen_arch_domainconfig,
                                                           emulation_flags, misc_flags)
        SAME(abi::DomctlCreatedomain, xen_domctl_createdomain, ssidref, handle, flags, iommu_opts, max_vcpus,
             max_evtchn_port, max_grant_frames, max_maptrack_frames, grant_opts, vmtrace_size, cpupool_id,
             arch) SAME(abi::DomctlGetdomaininfo, xen_domctl_getdomaininfo, domain, flags, tot_pages, max_pages,
                        outstanding_pages, shr_pages, paged_pages, shared_info_frame, cpu_time, nr_online_vcpus,
                        max_vcpu_id, ssidref, handle, cpupool, gpaddr_bits,
                        arch_config) SAME(abi::DomctlGetpageframeinfo3, xen_domctl_getpageframeinfo3, num, array)
            SAME(abi::DomctlShadowOp, xen_domctl_shadow_op, op, mode, mb, dirty_bitmap, pages, stats,
                 stats.dirty_count) SAME(abi::DomctlMaxMem, xen_domctl_max_mem, max_memkb)
                SAME(abi::DomctlVcpucontext, xen_domctl_vcpucontext, vcpu,
                     ctxt) SAME(abi::DomctlGetvcpuinfo, xen_domctl_getvcpuinfo, vcpu, online, blocked, running,
                                cpu_time, cpu) SAME(abi::DomctlNodeaffinity, xen_domctl_nodeaffinity, nodemap)
                    SAME(abi::DomctlVcpuaffinity, xen_domctl_vcpuaffinity, vcpu, flags, cpumap_hard,
                         cpumap_soft) SAME(abi::DomctlMaxVcpus, xen_domctl_max_vcpus,
                                           max) SAME(abi::DomctlSchedCredit, xen_domctl_sched_credit, weight, cap)
                        SAME(abi::DomctlSchedulerOp, xen_domctl_scheduler_op, sched_id, cmd, u, u.credit,
                             u.credit2) SAME(abi::DomctlSetdomainhandle, xen_domctl_setdomainhandle, handle)
                            SAME(abi::DomctlSetdebugging, xen_domctl_setdebugging,
                                 enable) SAME(abi::DomctlIrqPermission, xen_domctl_irq_permission, pirq, allow_access)
                                SAME(abi::DomctlIomemPermission, xen_domctl_iomem_permission, first_mfn, nr_mfns,
                                     allow_access) SAME(abi::DomctlIoportPermission, xen_domctl_ioport_permission,
                                                        first_port, nr_ports, allow_access)
                                    SAME(abi::DomctlHypercallInit, xen_domctl_hypercall_init, gmfn)
                                        SAME(abi::DomctlSettimeoffset, xen_domctl_settimeoffset, time_offset_seconds)
                                            SAME(abi::DomctlAddressSize, xen_domctl_address_size,
                                                 size) SAME(abi::DomctlSetTarget, xen_domctl_set_target,
                                                            target) SAME(abi::DomctlTscInfo, xen_domctl_tsc_info,
                                                                         tsc_mode, gtsc_khz, incarnation, elapsed_nsec)
                                                SAME(abi::DomctlSendtrigger, xen_domctl_sendtrigger, trigger, vcpu)
                                                    SAME(abi::DomctlSetVirqHandler, xen_domctl_set_virq_handler, virq)}

TEST(AbiDomctl, ProcessorStateIsXens) {
    SAME(abi::DomctlExtVcpucontext, xen_domctl_ext_vcpucontext, vcpu, size, syscall32_callback_eip,
         sysenter_callback_eip, syscall32_callback_cs, sysenter_callback_cs, syscall32_disables_events,
         sysenter_disables_events, mcg_cap)
    SAME(abi::CpuidLeaf, xen_cpuid_leaf_t, leaf, subleaf, a, b, c, d)
    SAME(abi::MsrEntry, xen_msr_entry_t, idx, flags, val)
    SAME(abi::DomctlCpuPolicy, xen_domctl_cpu_policy, nr_leaves, nr_msrs, leaves, msrs, err_leaf, err_subleaf, err_msr)
    SAME(abi::DomctlVcpuextstate, xen_domctl_vcpuextstate, vcpu, xfeature_mask, size, buffer)
    SAME(abi::DomctlVcpuMsr, xen_domctl_vcpu_msr, index, reserved, value)
    SAME(abi::DomctlVcpuMsrs, xen_domctl_vcpu_msrs, vcpu, msr_count, msrs)
    SAME(abi::Domctl, xen_domctl, cmd, interface_version, domain, u)
}
