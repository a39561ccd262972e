// SPDX-License-Identifier: MIT
#include "public/elfnote.hpp"

#include <gtest/gtest.h>

#include <xen/elfnote.h>
#include <xen/features.h>

#include "compare.hpp"

TEST(AbiElfnote, TypesAreXens) {
    SAME_VALUE(abi::elfnote::info, XEN_ELFNOTE_INFO);
    SAME_VALUE(abi::elfnote::entry, XEN_ELFNOTE_ENTRY);
    SAME_VALUE(abi::elfnote::hypercall_page, XEN_ELFNOTE_HYPERCALL_PAGE);
    SAME_VALUE(abi::elfnote::virt_base, XEN_ELFNOTE_VIRT_BASE);
    SAME_VALUE(abi::elfnote::paddr_offset, XEN_ELFNOTE_PADDR_OFFSET);
    SAME_VALUE(abi::elfnote::xen_version, XEN_ELFNOTE_XEN_VERSION);
    SAME_VALUE(abi::elfnote::guest_os, XEN_ELFNOTE_GUEST_OS);
    SAME_VALUE(abi::elfnote::guest_version, XEN_ELFNOTE_GUEST_VERSION);
    SAME_VALUE(abi::elfnote::loader, XEN_ELFNOTE_LOADER);
    SAME_VALUE(abi::elfnote::pae_mode, XEN_ELFNOTE_PAE_MODE);
    SAME_VALUE(abi::elfnote::features, XEN_ELFNOTE_FEATURES);
    SAME_VALUE(abi::elfnote::bsd_symtab, XEN_ELFNOTE_BSD_SYMTAB);
    SAME_VALUE(abi::elfnote::hv_start_low, XEN_ELFNOTE_HV_START_LOW);
    SAME_VALUE(abi::elfnote::l1_mfn_valid, XEN_ELFNOTE_L1_MFN_VALID);
    SAME_VALUE(abi::elfnote::suspend_cancel, XEN_ELFNOTE_SUSPEND_CANCEL);
    SAME_VALUE(abi::elfnote::init_p2m, XEN_ELFNOTE_INIT_P2M);
    SAME_VALUE(abi::elfnote::mod_start_pfn, XEN_ELFNOTE_MOD_START_PFN);
    SAME_VALUE(abi::elfnote::supported_features, XEN_ELFNOTE_SUPPORTED_FEATURES);
    SAME_VALUE(abi::elfnote::phys32_entry, XEN_ELFNOTE_PHYS32_ENTRY);
}

TEST(AbiElfnote, FeatureBitsAreXens) {
    SAME_VALUE(abi::feature::writable_page_tables, XENFEAT_writable_page_tables);
    SAME_VALUE(abi::feature::writable_descriptor_tables, XENFEAT_writable_descriptor_tables);
    SAME_VALUE(abi::feature::auto_translated_physmap, XENFEAT_auto_translated_physmap);
    SAME_VALUE(abi::feature::supervisor_mode_kernel, XENFEAT_supervisor_mode_kernel);
    SAME_VALUE(abi::feature::pae_pgdir_above_4gb, XENFEAT_pae_pgdir_above_4gb);
    SAME_VALUE(abi::feature::mmu_pt_update_preserve_ad, XENFEAT_mmu_pt_update_preserve_ad);
    SAME_VALUE(abi::feature::highmem_assist, XENFEAT_highmem_assist);
    SAME_VALUE(abi::feature::gnttab_map_avail_bits, XENFEAT_gnttab_map_avail_bits);
    SAME_VALUE(abi::feature::hvm_callback_vector, XENFEAT_hvm_callback_vector);
    SAME_VALUE(abi::feature::hvm_safe_pvclock, XENFEAT_hvm_safe_pvclock);
    SAME_VALUE(abi::feature::hvm_pirqs, XENFEAT_hvm_pirqs);
    SAME_VALUE(abi::feature::dom0, XENFEAT_dom0);
    SAME_VALUE(abi::feature::memory_op_vnode_supported, XENFEAT_memory_op_vnode_supported);
    SAME_VALUE(abi::feature::linux_rsdp_unrestricted, XENFEAT_linux_rsdp_unrestricted);
    SAME_VALUE(abi::feature::not_direct_mapped, XENFEAT_not_direct_mapped);
    SAME_VALUE(abi::feature::direct_mapped, XENFEAT_direct_mapped);
    SAME_VALUE(abi::feature::arm_smccc_supported, XENFEAT_ARM_SMCCC_supported);
}
