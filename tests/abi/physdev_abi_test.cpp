// SPDX-License-Identifier: MIT
#include "public/physdev.hpp"

#include <gtest/gtest.h>

#include <xen/physdev.h>

#include "compare.hpp"

TEST(AbiPhysdev, OperationsAreXens) {
    SAME_VALUE(abi::physdevop::irq_status_query, PHYSDEVOP_irq_status_query);
    SAME_VALUE(abi::physdevop::set_iopl, PHYSDEVOP_set_iopl);
    SAME_VALUE(abi::physdevop::set_iobitmap, PHYSDEVOP_set_iobitmap);
    SAME_VALUE(abi::physdevop::apic_read, PHYSDEVOP_apic_read);
    SAME_VALUE(abi::physdevop::apic_write, PHYSDEVOP_apic_write);
    SAME_VALUE(abi::physdevop::alloc_irq_vector, PHYSDEVOP_alloc_irq_vector);
    SAME_VALUE(abi::physdevop::free_irq_vector, PHYSDEVOP_free_irq_vector);
    SAME_VALUE(abi::physdevop::eoi, PHYSDEVOP_eoi);
    SAME_VALUE(abi::physdevop::map_pirq, PHYSDEVOP_map_pirq);
    SAME_VALUE(abi::physdevop::unmap_pirq, PHYSDEVOP_unmap_pirq);
    SAME_VALUE(abi::physdevop::manage_pci_add, PHYSDEVOP_manage_pci_add);
    SAME_VALUE(abi::physdevop::manage_pci_remove, PHYSDEVOP_manage_pci_remove);
    SAME_VALUE(abi::physdevop::pirq_eoi_gmfn_v1, PHYSDEVOP_pirq_eoi_gmfn_v1);
    SAME_VALUE(abi::physdevop::restore_msi, PHYSDEVOP_restore_msi);
    SAME_VALUE(abi::physdevop::manage_pci_add_ext, PHYSDEVOP_manage_pci_add_ext);
    SAME_VALUE(abi::physdevop::setup_gsi, PHYSDEVOP_setup_gsi);
    SAME_VALUE(abi::physdevop::get_free_pirq, PHYSDEVOP_get_free_pirq);
    SAME_VALUE(abi::physdevop::pci_mmcfg_reserved, PHYSDEVOP_pci_mmcfg_reserved);
    SAME_VALUE(abi::physdevop::pci_device_add, PHYSDEVOP_pci_device_add);
    SAME_VALUE(abi::physdevop::pci_device_remove, PHYSDEVOP_pci_device_remove);
    SAME_VALUE(abi::physdevop::restore_msi_ext, PHYSDEVOP_restore_msi_ext);
    SAME_VALUE(abi::physdevop::pirq_eoi_gmfn_v2, PHYSDEVOP_pirq_eoi_gmfn_v2);
    SAME_VALUE(abi::physdevop::dbgp_op, PHYSDEVOP_dbgp_op);
    SAME_VALUE(abi::physdevop::prepare_msix, PHYSDEVOP_prepare_msix);
    SAME_VALUE(abi::physdevop::release_msix, PHYSDEVOP_release_msix);
    SAME_VALUE(abi::irqstat::needs_eoi, XENIRQSTAT_needs_eoi);
    SAME_VALUE(abi::irqstat::shared, XENIRQSTAT_shared);
    SAME_VALUE(abi::map_pirq_type::msi, MAP_PIRQ_TYPE_MSI);
    SAME_VALUE(abi::map_pirq_type::gsi, MAP_PIRQ_TYPE_GSI);
    SAME_VALUE(abi::map_pirq_type::unknown, MAP_PIRQ_TYPE_UNKNOWN);
    SAME_VALUE(abi::map_pirq_type::msi_seg, MAP_PIRQ_TYPE_MSI_SEG);
    SAME_VALUE(abi::map_pirq_type::multi_msi, MAP_PIRQ_TYPE_MULTI_MSI);
    SAME_VALUE(abi::pci_dev::extfn, XEN_PCI_DEV_EXTFN);
    SAME_VALUE(abi::pci_dev::virtfn, XEN_PCI_DEV_VIRTFN);
    SAME_VALUE(abi::pci_dev::pxm, XEN_PCI_DEV_PXM);
}

TEST(AbiPhysdev, ArgumentsAreXens) {
    SAME(abi::PhysdevEoi, physdev_eoi, irq)
    SAME(abi::PhysdevPirqEoiGmfn, physdev_pirq_eoi_gmfn, gmfn)
    SAME(abi::PhysdevIrqStatusQuery, physdev_irq_status_query, irq, flags)
    SAME(abi::PhysdevSetIopl, physdev_set_iopl, iopl)
    SAME(abi::PhysdevSetIobitmap, physdev_set_iobitmap, bitmap, nr_ports)
    SAME(abi::PhysdevApic, physdev_apic, apic_physbase, reg, value)
    SAME(abi::PhysdevIrq, physdev_irq, irq, vector)
    SAME(abi::PhysdevMapPirq, physdev_map_pirq, domid, type, index, pirq, bus, devfn, entry_nr, table_base)
    SAME(abi::PhysdevUnmapPirq, physdev_unmap_pirq, domid, pirq)
    SAME(abi::PhysdevManagePci, physdev_manage_pci, bus, devfn)
    SAME(abi::PhysdevManagePciExt, physdev_manage_pci_ext, bus, devfn, is_extfn, is_virtfn, physfn)
    SAME(abi::PhysdevSetupGsi, physdev_setup_gsi, gsi, triggering, polarity)
    SAME(abi::PhysdevGetFreePirq, physdev_get_free_pirq, type, pirq)
    SAME(abi::PhysdevPciMmcfgReserved, physdev_pci_mmcfg_reserved, address, segment, start_bus, end_bus, flags)
    SAME(abi::PhysdevPciDeviceAdd, physdev_pci_device_add, seg, bus, devfn, flags, physfn)
    SAME(abi::PhysdevPciDevice, physdev_pci_device, seg, bus, devfn)
}
