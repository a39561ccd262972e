// SPDX-License-Identifier: MIT
#include "public/shared_info.hpp"

#include <gtest/gtest.h>

#include <xen/xen.h>

#include "compare.hpp"

TEST(AbiSharedInfo, LayoutIsXens) {
    SAME(abi::VcpuTimeInfo, vcpu_time_info, version, pad0, tsc_timestamp, system_time, tsc_to_system_mul, tsc_shift,
         flags, pad1)
    SAME(abi::ArchVcpuInfo, arch_vcpu_info, cr2, pad)
    SAME(abi::VcpuInfo, vcpu_info, evtchn_upcall_pending, evtchn_upcall_mask, evtchn_pending_sel, arch, time)
    SAME(abi::ArchSharedInfo, arch_shared_info, max_pfn, pfn_to_mfn_frame_list_list, nmi_reason, p2m_cr3, p2m_vaddr,
         p2m_generation)
    SAME(abi::SharedInfo, shared_info, vcpu_info, evtchn_pending, evtchn_mask, wc_version, wc_sec, wc_nsec, arch)
    SAME_MEMBER_AS(abi::SharedInfo, wc_sec_hi, shared_info, xen_wc_sec_hi)
    SAME_VALUE(abi::legacy_max_vcpus, XEN_LEGACY_MAX_VCPUS);
    SAME_VALUE(abi::pvclock_tsc_stable, XEN_PVCLOCK_TSC_STABLE_BIT);
    SAME_VALUE(abi::pvclock_guest_stopped, XEN_PVCLOCK_GUEST_STOPPED);
}
