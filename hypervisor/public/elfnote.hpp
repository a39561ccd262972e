// SPDX-License-Identifier: MIT
// Notes of owner "Xen" in a kernel's ELF file (elfnote.h, features.h). Constants only, so that hosted
// builders and freestanding guests may use it alike.
#pragma once
#include "public/types.hpp"

namespace abi {
namespace elfnote {
enum Type : u32 {
    info = 0,
    entry = 1,
    hypercall_page = 2,
    virt_base = 3,
    paddr_offset = 4,
    xen_version = 5,
    guest_os = 6,
    guest_version = 7,
    loader = 8,
    pae_mode = 9,
    features = 10,
    bsd_symtab = 11,
    hv_start_low = 12,
    l1_mfn_valid = 13,
    suspend_cancel = 14,
    init_p2m = 15,
    mod_start_pfn = 16,
    supported_features = 17,
    phys32_entry = 18,
};
}  // namespace elfnote

// Bit numbers in XENVER_get_features and in the SUPPORTED_FEATURES note.
namespace feature {
enum Bit : u32 {
    writable_page_tables = 0,
    writable_descriptor_tables = 1,
    auto_translated_physmap = 2,
    supervisor_mode_kernel = 3,
    pae_pgdir_above_4gb = 4,
    mmu_pt_update_preserve_ad = 5,
    highmem_assist = 6,
    gnttab_map_avail_bits = 7,
    hvm_callback_vector = 8,
    hvm_safe_pvclock = 9,
    hvm_pirqs = 10,
    dom0 = 11,
    memory_op_vnode_supported = 13,
    arm_smccc_supported = 14,
    linux_rsdp_unrestricted = 15,
    not_direct_mapped = 16,
    direct_mapped = 17,
};
}  // namespace feature
}  // namespace abi
