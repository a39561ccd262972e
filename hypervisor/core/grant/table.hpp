// SPDX-License-Identifier: MIT
// A domain's two sides of granting: as granter, the shared entries and how often each is in use; as mapper, a record of
// each mapping, named by its handle. No code holds the locks of two tables at once.
#pragma once
#include "core/domain.hpp"
#include "core/grant/grant_table.hpp"
#include "core/mm/page_info.hpp"
#include "public/grant_table.hpp"

namespace hv {
using GrantStatus = abi::gntst::Status;

enum class Access : u8 { read, write };

// A grant in use: its frame and grantee are remembered from the first use on, whatever the granter writes later.
struct ActiveGrant {
    u32 frame;
    Domid grantee;
    u16 pad;
    std::array<u32, 2> users;  // by Access
};

// A mapping that this domain made. While any of its kinds is left, the frame is held once (typed, if writable).
struct Mapping {
    static constexpr u16 kinds = abi::gntmap::host_map | abi::gntmap::device_map;  // no IOMMU: only a reference

    u64 frame;
    GrantRef ref;  // while free: the next free handle
    Domid granter;
    u16 flags;  // of abi::gntmap: the kinds that are left, readonly, contains_pte

    Access access() const { return flags & abi::gntmap::readonly ? Access::read : Access::write; }
};

class GrantTable {
public:
    static constexpr u32 entries_per_frame = abi::grant_entries_per_frame;
    static constexpr u32 frame_limit = 512;
    static constexpr u32 maptrack_frame_limit = 2048;
    static constexpr u32 mappings_per_page = page_size / sizeof(Mapping);
    static constexpr u32 no_handle = ~0u;

    GrantTable(Domain& owner, u32 max_frames, u32 max_maptrack_frames);
    ~GrantTable();

    // --- as granter
    Result<> grow_to(u32 frames);  // nospc beyond the limit, nomem
    u32 frame_count();
    u32 max_frame_count() const { return max_frames_; }
    Mfn frame(u32 index);  // index below frame_count()
    void retire();

    // Begins a use of `ref` by `grantee`; the frame is whatever the granter named, to be checked by the caller.
    GrantStatus begin_use(GrantRef ref, Domid grantee, Access access, Mfn& frame);
    void end_use(GrantRef ref, Access access);

    // --- as mapper
    Result<u32> reserve_handle();
    // The flags come last: with them, any vCPU may unmap it.
    void record(u32 handle, Mapping const& mapping) {
        Mapping& to = slot(handle);
        to.frame = mapping.frame;
        to.ref = mapping.ref;
        to.granter = mapping.granter;
        __atomic_store_n(&to.flags, mapping.flags, __ATOMIC_RELEASE);
    }
    void free_handle(u32 handle);
    // Takes all kinds off a mapping, for the caller alone: it gives back what stays, or ends the mapping. None if there
    // is no mapping, or somebody else has it.
    u16 claim(u32 handle) {
        if (handle >= handle_limit()) return 0;
        u16 const rest = static_cast<u16>(~Mapping::kinds);
        return __atomic_fetch_and(&slot(handle).flags, rest, __ATOMIC_ACQUIRE) & Mapping::kinds;
    }
    void give_back(u32 handle, u16 kinds) { __atomic_fetch_or(&slot(handle).flags, kinds, __ATOMIC_RELEASE); }
    u32 handle_limit() const { return maptrack_pages_.load(std::memory_order_acquire) * mappings_per_page; }
    Mapping const& mapping(u32 handle) const { return slot(handle); }  // handle below the limit

    u32 release_cursor = 0;  // of release_grant_mappings

private:
    Mapping& slot(u32 handle) const { return maptrack_.data()[handle / mappings_per_page][handle % mappings_per_page]; }

    Domain& owner_;
    u32 max_frames_;
    u32 max_maptrack_pages_;

    Spinlock lock_;  // the granter's side
    u32 frames_ = 0;
    std::array<abi::GrantEntryV1*, frame_limit> shared_{};
    std::array<ActiveGrant*, frame_limit> active_{};  // stays when the frames are retired

    Spinlock maptrack_lock_;  // of the free list
    std::atomic<u32> maptrack_pages_{0};
    u32 free_handle_ = no_handle;
    std::array<Mapping*, maptrack_frame_limit> maptrack_{};
};
}  // namespace hv
