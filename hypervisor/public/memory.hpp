// SPDX-License-Identifier: MIT
// memory_op (memory.h).
#pragma once
#include "public/types.hpp"

namespace abi {
namespace memop {
enum Command : u32 {
    increase_reservation = 0,
    decrease_reservation = 1,
    maximum_ram_page = 2,
    current_reservation = 3,
    maximum_reservation = 4,
    machphys_mfn_list = 5,
    populate_physmap = 6,
    add_to_physmap = 7,
    memory_map = 9,
    machine_memory_map = 10,
    exchange = 11,
    machphys_mapping = 12,
    set_memory_map = 13,
    maximum_gpfn = 14,
    remove_from_physmap = 15,
    set_pod_target = 16,
    get_pod_target = 17,
    get_sharing_freed_pages = 18,
    get_sharing_shared_pages = 19,
    paging_op = 20,
    access_op = 21,
    sharing_op = 22,
    add_to_physmap_batch = 23,
    claim_pages = 24,
    machphys_compat_mfn_list = 25,
    get_vnumainfo = 26,
    reserved_device_memory_map = 27,
    acquire_resource = 28,
};
// The command is in the low six bits; the hypervisor keeps the progress of a continued call above them.
inline constexpr u32 command_mask = 0x3f;
inline constexpr u32 progress_shift = 6;
}  // namespace memop

// MemoryReservation::mem_flags
namespace memf {
inline constexpr u32 address_bits_mask = 0xff;
inline constexpr u32 node_shift = 8;
inline constexpr u32 populate_on_demand = 1u << 16;
inline constexpr u32 exact_node_request = 1u << 17;
inline constexpr u32 vnode = 1u << 18;
}  // namespace memf

struct MemoryReservation {
    guest_ptr<u64> extent_start;  // pfns or mfns, by operation
    u64 nr_extents;
    u32 extent_order;
    u32 mem_flags;
    Domid domid;
    u16 pad[3];

    constexpr u32 address_bits() const { return mem_flags & memf::address_bits_mask; }
};
static_assert(sizeof(MemoryReservation) == 32);

struct MemoryExchange {
    MemoryReservation in;
    MemoryReservation out;
    u64 nr_exchanged;
};
static_assert(sizeof(MemoryExchange) == 72);

struct MemoryDomain {
    Domid domid;
};

struct MachphysMfnList {
    u32 max_extents;
    u32 pad0;
    guest_ptr<Mfn> extent_start;
    u32 nr_extents;
    u32 pad1;
};

struct MachphysMapping {
    Vaddr v_start;
    Vaddr v_end;
    u64 max_mfn;  // inclusive
};
static_assert(sizeof(MachphysMapping) == 24);

namespace mapspace {
enum Space : u32 { shared_info = 0, grant_table = 1, gmfn = 2, gmfn_range = 3, gmfn_foreign = 4, dev_mmio = 5 };
}  // namespace mapspace

struct AddToPhysmap {
    Domid domid;
    u16 size;
    u32 space;
    u64 idx;
    Pfn gpfn;
};

struct RemoveFromPhysmap {
    Domid domid;
    u16 pad[3];
    Pfn gpfn;
};

// An entry of a memory map, as the BIOS call 0xe820 gives it: 20 bytes, no padding.
struct [[gnu::packed]] E820Entry {
    u64 addr;
    u64 size;
    u32 type;
};
static_assert(sizeof(E820Entry) == 20);

namespace e820 {
enum Type : u32 { ram = 1, reserved = 2, acpi = 3, nvs = 4, unusable = 5 };
}  // namespace e820

struct MemoryMap {
    u32 nr_entries;
    u32 pad;
    guest_ptr<E820Entry> buffer;
};
static_assert(sizeof(MemoryMap) == 16);

struct ForeignMemoryMap {
    Domid domid;
    u16 pad[3];
    MemoryMap map;
};
static_assert(sizeof(ForeignMemoryMap) == 24);

struct ReservedDeviceMemory {
    Pfn start_pfn;
    u64 nr_pages;
};

struct ReservedDeviceMemoryMap {
    u32 flags;
    u32 nr_entries;
    guest_ptr<ReservedDeviceMemory> buffer;
    struct {
        u16 seg;
        u8 bus;
        u8 devfn;
    } pci;
    u32 pad;
};
static_assert(sizeof(ReservedDeviceMemoryMap) == 24);

namespace resource {
enum Type : u16 { ioreq_server = 0, grant_table = 1, vmtrace_buf = 2 };
inline constexpr u32 grant_table_shared = 0;
inline constexpr u32 grant_table_status = 1;
}  // namespace resource

struct MemAcquireResource {
    Domid domid;
    u16 type;
    u32 id;
    u32 nr_frames;
    u32 pad;
    u64 frame;
    guest_ptr<Mfn> frame_list;
};
static_assert(sizeof(MemAcquireResource) == 32);
}  // namespace abi
