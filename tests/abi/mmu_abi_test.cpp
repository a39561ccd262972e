// SPDX-License-Identifier: MIT
#include "public/mmu.hpp"

#include <gtest/gtest.h>

#include <xen/xen.h>

#include "compare.hpp"

TEST(AbiMmu, UpdatesAreXens) {
    SAME(abi::MmuUpdate, mmu_update, ptr, val)
    SAME(abi::MmuextOp, mmuext_op, cmd, arg1, arg2, arg1.mfn, arg1.linear_addr, arg2.nr_ents, arg2.vcpumask,
         arg2.src_mfn)
    SAME_VALUE(abi::mmu::normal_pt_update, MMU_NORMAL_PT_UPDATE);
    SAME_VALUE(abi::mmu::machphys_update, MMU_MACHPHYS_UPDATE);
    SAME_VALUE(abi::mmu::pt_update_preserve_ad, MMU_PT_UPDATE_PRESERVE_AD);
    SAME_VALUE(abi::mmu::pt_update_no_translate, MMU_PT_UPDATE_NO_TRANSLATE);
    SAME_VALUE(abi::mmuext::pin_l1_table, MMUEXT_PIN_L1_TABLE);
    SAME_VALUE(abi::mmuext::pin_l2_table, MMUEXT_PIN_L2_TABLE);
    SAME_VALUE(abi::mmuext::pin_l3_table, MMUEXT_PIN_L3_TABLE);
    SAME_VALUE(abi::mmuext::pin_l4_table, MMUEXT_PIN_L4_TABLE);
    SAME_VALUE(abi::mmuext::unpin_table, MMUEXT_UNPIN_TABLE);
    SAME_VALUE(abi::mmuext::new_baseptr, MMUEXT_NEW_BASEPTR);
    SAME_VALUE(abi::mmuext::tlb_flush_local, MMUEXT_TLB_FLUSH_LOCAL);
    SAME_VALUE(abi::mmuext::invlpg_local, MMUEXT_INVLPG_LOCAL);
    SAME_VALUE(abi::mmuext::tlb_flush_multi, MMUEXT_TLB_FLUSH_MULTI);
    SAME_VALUE(abi::mmuext::invlpg_multi, MMUEXT_INVLPG_MULTI);
    SAME_VALUE(abi::mmuext::tlb_flush_all, MMUEXT_TLB_FLUSH_ALL);
    SAME_VALUE(abi::mmuext::invlpg_all, MMUEXT_INVLPG_ALL);
    SAME_VALUE(abi::mmuext::flush_cache, MMUEXT_FLUSH_CACHE);
    SAME_VALUE(abi::mmuext::set_ldt, MMUEXT_SET_LDT);
    SAME_VALUE(abi::mmuext::new_user_baseptr, MMUEXT_NEW_USER_BASEPTR);
    SAME_VALUE(abi::mmuext::clear_page, MMUEXT_CLEAR_PAGE);
    SAME_VALUE(abi::mmuext::copy_page, MMUEXT_COPY_PAGE);
    SAME_VALUE(abi::mmuext::flush_cache_global, MMUEXT_FLUSH_CACHE_GLOBAL);
    SAME_VALUE(abi::mmuext::mark_super, MMUEXT_MARK_SUPER);
    SAME_VALUE(abi::mmuext::unmark_super, MMUEXT_UNMARK_SUPER);
    SAME_VALUE(abi::uvmf::none, UVMF_NONE);
    SAME_VALUE(abi::uvmf::tlb_flush, UVMF_TLB_FLUSH);
    SAME_VALUE(abi::uvmf::invlpg, UVMF_INVLPG);
    SAME_VALUE(abi::uvmf::flushtype_mask, UVMF_FLUSHTYPE_MASK);
    SAME_VALUE(abi::uvmf::multi, UVMF_MULTI);
    SAME_VALUE(abi::uvmf::local, UVMF_LOCAL);
    SAME_VALUE(abi::uvmf::all, UVMF_ALL);
}

TEST(AbiMmu, AssistsAreXens) {
    SAME_VALUE(abi::vmassist::enable, VMASST_CMD_enable);
    SAME_VALUE(abi::vmassist::disable, VMASST_CMD_disable);
    SAME_VALUE(abi::vmassist::segments_4gb, VMASST_TYPE_4gb_segments);
    SAME_VALUE(abi::vmassist::segments_4gb_notify, VMASST_TYPE_4gb_segments_notify);
    SAME_VALUE(abi::vmassist::writable_pagetables, VMASST_TYPE_writable_pagetables);
    SAME_VALUE(abi::vmassist::pae_extended_cr3, VMASST_TYPE_pae_extended_cr3);
    SAME_VALUE(abi::vmassist::architectural_iopl, VMASST_TYPE_architectural_iopl);
    SAME_VALUE(abi::vmassist::runstate_update_flag, VMASST_TYPE_runstate_update_flag);
    SAME_VALUE(abi::vmassist::m2p_strict, VMASST_TYPE_m2p_strict);
}

TEST(AbiMmu, RangesAreXens) {
    SAME_VALUE(abi::hypervisor_virt_start, HYPERVISOR_VIRT_START);
    SAME_VALUE(abi::hypervisor_virt_end, HYPERVISOR_VIRT_END);
    SAME_VALUE(abi::machphys_virt_start, MACH2PHYS_VIRT_START);
    SAME_VALUE(abi::machphys_virt_end, MACH2PHYS_VIRT_END);
    SAME_VALUE(abi::machphys_nr_entries, MACH2PHYS_NR_ENTRIES);
}
