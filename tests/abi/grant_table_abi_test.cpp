// SPDX-License-Identifier: MIT
#include "public/grant_table.hpp"

#include <gtest/gtest.h>

#include <xen/grant_table.h>

#include "compare.hpp"

TEST(AbiGrantTable, OperationsAreXens) {
    SAME_VALUE(abi::gnttabop::map_grant_ref, GNTTABOP_map_grant_ref);
    SAME_VALUE(abi::gnttabop::unmap_grant_ref, GNTTABOP_unmap_grant_ref);
    SAME_VALUE(abi::gnttabop::setup_table, GNTTABOP_setup_table);
    SAME_VALUE(abi::gnttabop::dump_table, GNTTABOP_dump_table);
    SAME_VALUE(abi::gnttabop::transfer, GNTTABOP_transfer);
    SAME_VALUE(abi::gnttabop::copy, GNTTABOP_copy);
    SAME_VALUE(abi::gnttabop::query_size, GNTTABOP_query_size);
    SAME_VALUE(abi::gnttabop::unmap_and_replace, GNTTABOP_unmap_and_replace);
    SAME_VALUE(abi::gnttabop::set_version, GNTTABOP_set_version);
    SAME_VALUE(abi::gnttabop::get_status_frames, GNTTABOP_get_status_frames);
    SAME_VALUE(abi::gnttabop::get_version, GNTTABOP_get_version);
    SAME_VALUE(abi::gnttabop::swap_grant_ref, GNTTABOP_swap_grant_ref);
    SAME_VALUE(abi::gnttabop::cache_flush, GNTTABOP_cache_flush);
    SAME_VALUE(abi::gntst::okay, GNTST_okay);
    SAME_VALUE(abi::gntst::general_error, GNTST_general_error);
    SAME_VALUE(abi::gntst::bad_domain, GNTST_bad_domain);
    SAME_VALUE(abi::gntst::bad_gntref, GNTST_bad_gntref);
    SAME_VALUE(abi::gntst::bad_handle, GNTST_bad_handle);
    SAME_VALUE(abi::gntst::bad_virt_addr, GNTST_bad_virt_addr);
    SAME_VALUE(abi::gntst::bad_dev_addr, GNTST_bad_dev_addr);
    SAME_VALUE(abi::gntst::no_device_space, GNTST_no_device_space);
    SAME_VALUE(abi::gntst::permission_denied, GNTST_permission_denied);
    SAME_VALUE(abi::gntst::bad_page, GNTST_bad_page);
    SAME_VALUE(abi::gntst::bad_copy_arg, GNTST_bad_copy_arg);
    SAME_VALUE(abi::gntst::address_too_big, GNTST_address_too_big);
    SAME_VALUE(abi::gntst::eagain, GNTST_eagain);
    SAME_VALUE(abi::gntst::no_space, GNTST_no_space);
    SAME_VALUE(abi::gntmap::device_map, GNTMAP_device_map);
    SAME_VALUE(abi::gntmap::host_map, GNTMAP_host_map);
    SAME_VALUE(abi::gntmap::readonly, GNTMAP_readonly);
    SAME_VALUE(abi::gntmap::application_map, GNTMAP_application_map);
    SAME_VALUE(abi::gntmap::contains_pte, GNTMAP_contains_pte);
    SAME_VALUE(abi::gntmap::guest_avail_mask, GNTMAP_guest_avail_mask);
    SAME_VALUE(abi::gntcopy::source_gref, GNTCOPY_source_gref);
    SAME_VALUE(abi::gntcopy::dest_gref, GNTCOPY_dest_gref);
}

TEST(AbiGrantTable, EntryIsXens) {
    SAME(abi::GrantEntryV1, grant_entry_v1, flags, domid, frame)
    SAME_VALUE(abi::gtf::invalid, GTF_invalid);
    SAME_VALUE(abi::gtf::permit_access, GTF_permit_access);
    SAME_VALUE(abi::gtf::accept_transfer, GTF_accept_transfer);
    SAME_VALUE(abi::gtf::transitive, GTF_transitive);
    SAME_VALUE(abi::gtf::type_mask, GTF_type_mask);
    SAME_VALUE(abi::gtf::readonly, GTF_readonly);
    SAME_VALUE(abi::gtf::reading, GTF_reading);
    SAME_VALUE(abi::gtf::writing, GTF_writing);
    SAME_VALUE(abi::gtf::sub_page, GTF_sub_page);
    SAME_VALUE(abi::gtf::transfer_committed, GTF_transfer_committed);
    SAME_VALUE(abi::gtf::transfer_completed, GTF_transfer_completed);
    SAME_VALUE(abi::gtf::pwt, GTF_PWT);
    SAME_VALUE(abi::gtf::pcd, GTF_PCD);
    SAME_VALUE(abi::gtf::pat, GTF_PAT);
    SAME_VALUE(abi::gnttab_nr_reserved_entries, GNTTAB_NR_RESERVED_ENTRIES);
    SAME_VALUE(abi::gnttab_reserved_console.value, GNTTAB_RESERVED_CONSOLE);
    SAME_VALUE(abi::gnttab_reserved_xenstore.value, GNTTAB_RESERVED_XENSTORE);
}

TEST(AbiGrantTable, ArgumentsAreXens) {
    SAME(abi::GnttabMapGrantRef, gnttab_map_grant_ref, host_addr, flags, ref, dom, status, handle, dev_bus_addr)
    SAME(abi::GnttabUnmapGrantRef, gnttab_unmap_grant_ref, host_addr, dev_bus_addr, handle, status)
    SAME(abi::GnttabSetupTable, gnttab_setup_table, dom, nr_frames, status, frame_list)
    SAME(abi::GnttabDumpTable, gnttab_dump_table, dom, status)
    SAME(abi::GnttabTransfer, gnttab_transfer, mfn, domid, ref, status)
    SAME(abi::GnttabCopy, gnttab_copy, source, dest, len, flags, status, source.u.ref, source.u.gmfn, source.domid,
         source.offset, dest.domid)
    SAME(abi::GnttabQuerySize, gnttab_query_size, dom, nr_frames, max_nr_frames, status)
    SAME(abi::GnttabUnmapAndReplace, gnttab_unmap_and_replace, host_addr, new_addr, handle, status)
    SAME(abi::GnttabSetVersion, gnttab_set_version, version)
    SAME(abi::GnttabGetStatusFrames, gnttab_get_status_frames, nr_frames, dom, status, frame_list)
    SAME(abi::GnttabGetVersion, gnttab_get_version, dom, version)
    SAME(abi::GnttabSwapGrantRef, gnttab_swap_grant_ref, ref_a, ref_b, status)
}
