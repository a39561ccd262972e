// SPDX-License-Identifier: MIT
// physdev_op (physdev.h).
#pragma once
#include "public/types.hpp"

namespace abi {
namespace physdevop {
enum Command : u32 {
    irq_status_query = 5,
    set_iopl = 6,
    set_iobitmap = 7,
    apic_read = 8,
    apic_write = 9,
    alloc_irq_vector = 10,
    free_irq_vector = 11,
    eoi = 12,
    map_pirq = 13,
    unmap_pirq = 14,
    manage_pci_add = 15,
    manage_pci_remove = 16,
    pirq_eoi_gmfn_v1 = 17,
    restore_msi = 19,
    manage_pci_add_ext = 20,
    setup_gsi = 21,
    get_free_pirq = 23,
    pci_mmcfg_reserved = 24,
    pci_device_add = 25,
    pci_device_remove = 26,
    restore_msi_ext = 27,
    pirq_eoi_gmfn_v2 = 28,
    dbgp_op = 29,
    prepare_msix = 30,
    release_msix = 31,
};
}  // namespace physdevop

struct PhysdevEoi {
    u32 irq;
};

struct PhysdevPirqEoiGmfn {
    Gfn gmfn;
};

namespace irqstat {
inline constexpr u32 needs_eoi = 1;
inline constexpr u32 shared = 2;
}  // namespace irqstat

struct PhysdevIrqStatusQuery {
    u32 irq;
    u32 flags;
};

struct PhysdevSetIopl {
    u32 iopl;
};

struct PhysdevSetIobitmap {
    guest_ptr<u8> bitmap;
    u32 nr_ports;
    u32 pad;
};
static_assert(sizeof(PhysdevSetIobitmap) == 16);

struct PhysdevApic {
    Maddr apic_physbase;
    u32 reg;
    u32 value;
};
static_assert(sizeof(PhysdevApic) == 16);

struct PhysdevIrq {
    u32 irq;
    u32 vector;
};

namespace map_pirq_type {
enum Type : i32 { msi = 0, gsi = 1, unknown = 2, msi_seg = 3, multi_msi = 4 };
}  // namespace map_pirq_type

struct PhysdevMapPirq {
    Domid domid;
    u16 pad0;
    i32 type;
    i32 index;
    i32 pirq;
    i32 bus;
    i32 devfn;
    i32 entry_nr;
    u32 pad1;
    u64 table_base;
};
static_assert(sizeof(PhysdevMapPirq) == 40);

struct PhysdevUnmapPirq {
    Domid domid;
    u16 pad;
    i32 pirq;
};

struct PhysdevManagePci {
    u8 bus;
    u8 devfn;
};

struct PhysdevManagePciExt {
    u8 bus;
    u8 devfn;
    u16 pad0;
    u32 is_extfn;
    u32 is_virtfn;
    struct {
        u8 bus;
        u8 devfn;
    } physfn;
    u16 pad1;
};
static_assert(sizeof(PhysdevManagePciExt) == 16);

struct PhysdevSetupGsi {
    i32 gsi;
    u8 triggering;  // 0 edge, 1 level
    u8 polarity;    // 0 high, 1 low
    u16 pad;
};
static_assert(sizeof(PhysdevSetupGsi) == 8);

struct PhysdevGetFreePirq {
    i32 type;
    u32 pirq;
};

struct PhysdevPciMmcfgReserved {
    u64 address;
    u16 segment;
    u8 start_bus;
    u8 end_bus;
    u32 flags;
};
static_assert(sizeof(PhysdevPciMmcfgReserved) == 16);

namespace pci_dev {
inline constexpr u32 extfn = 1;
inline constexpr u32 virtfn = 2;
inline constexpr u32 pxm = 4;
}  // namespace pci_dev

// An array of optional words follows; the first is the proximity domain with pci_dev::pxm.
struct PhysdevPciDeviceAdd {
    u16 seg;
    u8 bus;
    u8 devfn;
    u32 flags;
    struct {
        u8 bus;
        u8 devfn;
    } physfn;
    u16 pad;
};
static_assert(sizeof(PhysdevPciDeviceAdd) == 12);

struct PhysdevPciDevice {
    u16 seg;
    u8 bus;
    u8 devfn;
};
}  // namespace abi
