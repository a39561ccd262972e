// SPDX-License-Identifier: MIT
#include "public/memory.hpp"

#include <gtest/gtest.h>

#include <xen/memory.h>

#include "compare.hpp"

TEST(AbiMemory, OperationsAreXens) {
    SAME_VALUE(abi::memop::increase_reservation, XENMEM_increase_reservation);
    SAME_VALUE(abi::memop::decrease_reservation, XENMEM_decrease_reservation);
    SAME_VALUE(abi::memop::maximum_ram_page, XENMEM_maximum_ram_page);
    SAME_VALUE(abi::memop::current_reservation, XENMEM_current_reservation);
    SAME_VALUE(abi::memop::maximum_reservation, XENMEM_maximum_reservation);
    SAME_VALUE(abi::memop::machphys_mfn_list, XENMEM_machphys_mfn_list);
    SAME_VALUE(abi::memop::populate_physmap, XENMEM_populate_physmap);
    SAME_VALUE(abi::memop::add_to_physmap, XENMEM_add_to_physmap);
    SAME_VALUE(abi::memop::memory_map, XENMEM_memory_map);
    SAME_VALUE(abi::memop::machine_memory_map, XENMEM_machine_memory_map);
    SAME_VALUE(abi::memop::exchange, XENMEM_exchange);
    SAME_VALUE(abi::memop::machphys_mapping, XENMEM_machphys_mapping);
    SAME_VALUE(abi::memop::set_memory_map, XENMEM_set_memory_map);
    SAME_VALUE(abi::memop::maximum_gpfn, XENMEM_maximum_gpfn);
    SAME_VALUE(abi::memop::remove_from_physmap, XENMEM_remove_from_physmap);
    SAME_VALUE(abi::memop::set_pod_target, XENMEM_set_pod_target);
    SAME_VALUE(abi::memop::get_pod_target, XENMEM_get_pod_target);
    SAME_VALUE(abi::memop::get_sharing_freed_pages, XENMEM_get_sharing_freed_pages);
    SAME_VALUE(abi::memop::get_sharing_shared_pages, XENMEM_get_sharing_shared_pages);
    SAME_VALUE(abi::memop::paging_op, XENMEM_paging_op);
    SAME_VALUE(abi::memop::access_op, XENMEM_access_op);
    SAME_VALUE(abi::memop::sharing_op, XENMEM_sharing_op);
    SAME_VALUE(abi::memop::add_to_physmap_batch, XENMEM_add_to_physmap_batch);
    SAME_VALUE(abi::memop::claim_pages, XENMEM_claim_pages);
    SAME_VALUE(abi::memop::machphys_compat_mfn_list, XENMEM_machphys_compat_mfn_list);
    SAME_VALUE(abi::memop::get_vnumainfo, XENMEM_get_vnumainfo);
    SAME_VALUE(abi::memop::reserved_device_memory_map, XENMEM_reserved_device_memory_map);
    SAME_VALUE(abi::memop::acquire_resource, XENMEM_acquire_resource);
    SAME_VALUE(abi::mapspace::shared_info, XENMAPSPACE_shared_info);
    SAME_VALUE(abi::mapspace::grant_table, XENMAPSPACE_grant_table);
    SAME_VALUE(abi::mapspace::gmfn, XENMAPSPACE_gmfn);
    SAME_VALUE(abi::mapspace::gmfn_range, XENMAPSPACE_gmfn_range);
    SAME_VALUE(abi::mapspace::gmfn_foreign, XENMAPSPACE_gmfn_foreign);
    SAME_VALUE(abi::mapspace::dev_mmio, XENMAPSPACE_dev_mmio);
    SAME_VALUE(abi::resource::ioreq_server, XENMEM_resource_ioreq_server);
    SAME_VALUE(abi::resource::grant_table, XENMEM_resource_grant_table);
    SAME_VALUE(abi::resource::vmtrace_buf, XENMEM_resource_vmtrace_buf);
    SAME_VALUE(abi::resource::grant_table_shared, XENMEM_resource_grant_table_id_shared);
    SAME_VALUE(abi::resource::grant_table_status, XENMEM_resource_grant_table_id_status);
    SAME_VALUE(abi::memf::populate_on_demand, XENMEMF_populate_on_demand);
    SAME_VALUE(abi::memf::exact_node_request, XENMEMF_exact_node_request);
    SAME_VALUE(abi::memf::vnode, XENMEMF_vnode);
}

TEST(AbiMemory, ArgumentsAreXens) {
    SAME(abi::MemoryReservation, xen_memory_reservation, extent_start, nr_extents, extent_order, mem_flags, domid)
    SAME(abi::MemoryExchange, xen_memory_exchange, in, out, nr_exchanged)
    SAME(abi::MemoryDomain, xen_memory_domain, domid)
    SAME(abi::MachphysMfnList, xen_machphys_mfn_list, max_extents, extent_start, nr_extents)
    SAME(abi::MachphysMapping, xen_machphys_mapping, v_start, v_end, max_mfn)
    SAME(abi::AddToPhysmap, xen_add_to_physmap, domid, size, space, idx, gpfn)
    SAME(abi::RemoveFromPhysmap, xen_remove_from_physmap, domid, gpfn)
    SAME(abi::MemoryMap, xen_memory_map, nr_entries, buffer)
    SAME(abi::ForeignMemoryMap, xen_foreign_memory_map, domid, map)
    SAME(abi::ReservedDeviceMemory, xen_reserved_device_memory, start_pfn, nr_pages)
    SAME(abi::ReservedDeviceMemoryMap, xen_reserved_device_memory_map, flags, nr_entries, buffer)
    SAME_MEMBER_AS(abi::ReservedDeviceMemoryMap, pci, xen_reserved_device_memory_map, dev.pci)
    SAME(abi::MemAcquireResource, xen_mem_acquire_resource, domid, type, id, nr_frames, pad, frame, frame_list)
}
