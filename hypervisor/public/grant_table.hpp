// SPDX-License-Identifier: MIT
// Grant tables: the shared entries and grant_table_op (grant_table.h).
#pragma once
#include "public/types.hpp"

namespace abi {
using GrantHandle = Number<struct GrantHandleTag, u32>;

namespace gnttabop {
enum Command : u32 {
    map_grant_ref = 0,
    unmap_grant_ref = 1,
    setup_table = 2,
    dump_table = 3,
    transfer = 4,
    copy = 5,
    query_size = 6,
    unmap_and_replace = 7,
    set_version = 8,
    get_status_frames = 9,
    get_version = 10,
    swap_grant_ref = 11,
    cache_flush = 12,
};
}  // namespace gnttabop

// Shared with the hypervisor. A granter writes frame and domid first, then flags; the hypervisor changes
// flags and domid only as one 32-bit word, by compare and exchange.
struct GrantEntryV1 {
    u16 flags;
    Domid domid;
    u32 frame;
};
static_assert(sizeof(GrantEntryV1) == 8);

inline constexpr u32 grant_entries_per_frame = 512;
inline constexpr u32 gnttab_nr_reserved_entries = 8;
inline constexpr GrantRef gnttab_reserved_console{0};
inline constexpr GrantRef gnttab_reserved_xenstore{1};

// GrantEntryV1::flags
namespace gtf {
inline constexpr u16 invalid = 0;
inline constexpr u16 permit_access = 1;
inline constexpr u16 accept_transfer = 2;
inline constexpr u16 transitive = 3;
inline constexpr u16 type_mask = 3;
inline constexpr u16 readonly = 1u << 2;
inline constexpr u16 reading = 1u << 3;
inline constexpr u16 writing = 1u << 4;
inline constexpr u16 pwt = 1u << 5;
inline constexpr u16 pcd = 1u << 6;
inline constexpr u16 pat = 1u << 7;
inline constexpr u16 sub_page = 1u << 8;
inline constexpr u16 transfer_committed = 1u << 2;
inline constexpr u16 transfer_completed = 1u << 3;
}  // namespace gtf

// GnttabMapGrantRef::flags
namespace gntmap {
inline constexpr u32 device_map = 1u << 0;
inline constexpr u32 host_map = 1u << 1;
inline constexpr u32 readonly = 1u << 2;
inline constexpr u32 application_map = 1u << 3;
inline constexpr u32 contains_pte = 1u << 4;
inline constexpr u32 guest_avail_shift = 16;
inline constexpr u32 guest_avail_mask = ~u32{0} << guest_avail_shift;
}  // namespace gntmap

// The status of one operation of a batch.
namespace gntst {
enum Status : i16 {
    okay = 0,
    general_error = -1,
    bad_domain = -2,
    bad_gntref = -3,
    bad_handle = -4,
    bad_virt_addr = -5,
    bad_dev_addr = -6,
    no_device_space = -7,
    permission_denied = -8,
    bad_page = -9,
    bad_copy_arg = -10,
    address_too_big = -11,
    eagain = -12,
    no_space = -13,
};
}  // namespace gntst

struct GnttabMapGrantRef {
    u64 host_addr;  // a virtual address, or with contains_pte the machine address of an L1 entry
    u32 flags;
    GrantRef ref;
    Domid dom;
    i16 status;
    GrantHandle handle;
    u64 dev_bus_addr;
};
static_assert(sizeof(GnttabMapGrantRef) == 32);

struct GnttabUnmapGrantRef {
    u64 host_addr;
    u64 dev_bus_addr;
    GrantHandle handle;
    i16 status;
    u16 pad;
};
static_assert(sizeof(GnttabUnmapGrantRef) == 24);

struct GnttabSetupTable {
    Domid dom;
    u16 pad0;
    u32 nr_frames;
    i16 status;
    u16 pad1[3];
    guest_ptr<Mfn> frame_list;
};
static_assert(sizeof(GnttabSetupTable) == 24);

struct GnttabDumpTable {
    Domid dom;
    i16 status;
};

struct GnttabTransfer {
    Mfn mfn;
    Domid domid;
    u16 pad0;
    GrantRef ref;
    i16 status;
    u16 pad1[3];
};

namespace gntcopy {
inline constexpr u16 source_gref = 1;
inline constexpr u16 dest_gref = 2;
}  // namespace gntcopy

struct GnttabCopyPtr {
    union {
        GrantRef ref;  // only the low half means anything then
        Gfn gmfn;
        u64 raw;
    } u;
    Domid domid;
    u16 offset;
    u32 pad;
};
static_assert(sizeof(GnttabCopyPtr) == 16);

struct GnttabCopy {
    GnttabCopyPtr source;
    GnttabCopyPtr dest;
    u16 len;
    u16 flags;
    i16 status;
    u16 pad;
};
static_assert(sizeof(GnttabCopy) == 40);

struct GnttabQuerySize {
    Domid dom;
    u16 pad0;
    u32 nr_frames;
    u32 max_nr_frames;
    i16 status;
    u16 pad1;
};
static_assert(sizeof(GnttabQuerySize) == 16);

struct GnttabUnmapAndReplace {
    u64 host_addr;
    u64 new_addr;
    GrantHandle handle;
    i16 status;
    u16 pad;
};

struct GnttabSetVersion {
    u32 version;
};

struct GnttabGetStatusFrames {
    u32 nr_frames;
    Domid dom;
    i16 status;
    guest_ptr<u64> frame_list;
};

struct GnttabGetVersion {
    Domid dom;
    u16 pad;
    u32 version;
};

struct GnttabSwapGrantRef {
    GrantRef ref_a;
    GrantRef ref_b;
    i16 status;
    u16 pad;
};
}  // namespace abi
