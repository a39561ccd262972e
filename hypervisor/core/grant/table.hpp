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
    u32 readers;
    u32 writers;
};

// A mapping that this domain made. `references` of its kinds: the frame is held once (typed, if writable).
struct Mapping {
    static constexpr u16 host = 1;    // in the page tables
    static constexpr u16 device = 2;  // for devices (no IOMMU: a reference only)
    static constexpr u16 writable = 4;
    static constexpr u16 by_entry = 8;  // made and ended by the machine address of its entry
    static constexpr u16 taken = 16;    // reserved or live

    u64 frame;
    GrantRef ref;  // while free: the next free handle
    Domid granter;
    u16 flags;
};

class GrantTable {
public:
    static constexpr u32 entries_per_frame = abi::grant_entries_per_frame;
    static constexpr u32 frame_limit = 512;
    static constexpr u32 maptrack_frame_limit = 2048;
    static constexpr u32 mappings_per_page = page_size / sizeof(Mapping);
    static constexpr u32 no_handle = ~0u;

    GrantTable(Domain& owner, u32 max_frames, u32 max_maptrack_frames);

    // --- as granter
    Result<> grow_to(u32 frames);  // nospc beyond the limit, nomem
    u32 frame_count();
    u32 max_frame_count() const { return max_frames_; }
    Mfn frame(u32 index);  // index below frame_count()
    void retire();
    void free_memory();

    struct Use {
        GrantStatus status;
        Mfn frame;
    };
    // Begins a use of `ref` by `grantee`; the frame is whatever the granter named, to be checked by the caller.
    Use begin_use(GrantRef ref, Domid grantee, Access access);
    void end_use(GrantRef ref, Access access);

    // --- as mapper
    Result<u32> reserve_handle();
    void record(u32 handle, Mapping mapping);
    void free_handle(u32 handle);
    // Takes `kinds` (host, device) off a mapping; what it was before, or inval if it has none of them.
    Result<Mapping> take_kinds(u32 handle, u16 kinds);
    void give_back_kinds(u32 handle, u16 kinds);
    Mapping mapping(u32 handle);  // flags 0 if not in use
    u32 handle_limit();           // all handles ever used are below

    u32 release_cursor = 0;  // of release_grant_mappings

private:
    abi::GrantEntryV1* entry(u32 ref) const;
    ActiveGrant* active(u32 ref) const;
    Mapping* slot(u32 handle) const;
    GrantStatus mark_in_use(abi::GrantEntryV1& entry, Domid grantee, Access access);

    Domain& owner_;
    u32 max_frames_;
    u32 max_maptrack_pages_;

    Spinlock lock_;  // the granter's side
    u32 frames_ = 0;
    std::array<PageInfo*, frame_limit> frame_{};
    std::array<ActiveGrant*, frame_limit> active_{};

    Spinlock maptrack_lock_;
    u32 maptrack_pages_ = 0;
    u32 free_handle_ = no_handle;
    std::array<Mapping*, maptrack_frame_limit> maptrack_{};
};
}  // namespace hv
