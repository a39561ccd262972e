// SPDX-License-Identifier: MIT
// A domain's two sides of granting: as granter, the shared entries and how often each is in use; as mapper, a record of
// each mapping, named by its handle. No code holds the locks of two tables at once.
#pragma once
#include "core/domain.hpp"
#include "core/mm/page_info.hpp"
#include "public/grant_table.hpp"

namespace hv {
using GrantStatus = abi::gntst::Status;

// What a table can have; the tools may ask for no more.
inline constexpr u32 most_grant_frames = 512, most_maptrack_frames = 2048;

enum class Access : u8 { read, write };

// A grant in use: its frame and grantee are remembered from the first use on, whatever the granter writes later.
struct ActiveGrant {
    // Both counts in one word. Neither can overflow: all are one grantee's, who has fewer handles.
    static constexpr u64 reader = 1;
    static constexpr u64 writer = u64{1} << 32;
    template <Access access>
    static constexpr u64 one = access == Access::write ? writer : reader;

    u32 frame;
    Domid grantee;
    u16 pad;
    u64 users;

    bool has_writers() const { return users >= writer; }
    bool has_readers() const { return static_cast<u32>(users) != 0; }
};

// A mapping that this domain made. While any of its kinds is left, the frame is held once (typed, if writable).
struct Mapping {
    static constexpr u16 kinds = abi::gntmap::host_map | abi::gntmap::device_map;  // no IOMMU: only a reference

    u32 frame;
    u32 handle;    // its name, for good
    GrantRef ref;  // while free: the next free handle
    Domid granter;
    u16 flags;  // of abi::gntmap: the kinds that are left, readonly, contains_pte; 0 while free or claimed

    // What the flags are about comes first: with them, any vCPU may unmap it.
    void give(u16 what) { __atomic_store_n(&flags, what, __ATOMIC_RELEASE); }
    // For the caller alone: it gives back the flags of what stays, or ends the mapping. 0: there is none, or somebody
    // else has it.
    u16 claim() { return __atomic_exchange_n(&flags, u16{0}, __ATOMIC_ACQUIRE); }
};

class GrantTable {
public:
    static constexpr u32 entries_per_frame = abi::grant_entries_per_frame;
    static constexpr u32 mappings_per_page = page_size / sizeof(Mapping);
    static constexpr u32 no_handle = ~0u;

    GrantTable(Domain& owner, u32 max_frames, u32 max_maptrack_frames);
    ~GrantTable();

    // --- as granter
    Result<> grow_to(u32 frames);  // nospc beyond the limit, nomem
    u32 frame_count();
    u32 max_frame_count() const { return max_frames_; }
    Result<Mfn> frame(u32 index);     // inval: the table has fewer, as one that was retired meanwhile
    Result<Mfn> grown_to(u32 index);  // the same frame, growing the table if need be
    void retire();                    // gives back the frames; nothing can be mapped any more

    GrantStatus swap(GrantRef a, GrantRef b);  // neither may be in use

    // Begins a use of `ref` by `grantee`; the frame is whatever the granter named, to be checked by the caller.
    template <Access access>
    GrantStatus begin_use(GrantRef ref, Domid grantee, Mfn& frame);
    // Ends one. `let_go` gives back the hold on the frame, after which the entry says so, and not before: the granter
    // may make anything of the frame then.
    template <Access access, class F>
    void end_use(GrantRef ref, F&& let_go);

    // --- as mapper
    Mapping* reserve_mapping() {  // null: none left, or no memory for more
        SpinGuard guard{maptrack_lock_};
        if (free_handle_ == no_handle && !add_mappings()) [[unlikely]]
            return nullptr;
        Mapping& mapping = slot(free_handle_);
        free_handle_ = mapping.ref.value;
        return &mapping;
    }
    void free_mapping(Mapping& mapping) {
        SpinGuard guard{maptrack_lock_};
        mapping.ref = GrantRef{std::exchange(free_handle_, mapping.handle)};
    }
    Mapping* mapping(u32 handle) const { return check_index(handle, handle_limit()) ? &slot(handle) : nullptr; }
    template <class F>
    void for_each_mapping(F&& visit) const {  // of other domains' frames, for the audit
        for (u32 handle = 0; Mapping const* const each = mapping(handle); ++handle)
            if (each->flags) visit(Mfn{each->frame}, !(each->flags & abi::gntmap::readonly));
    }
    u32 handle_limit() const { return maptrack_pages_.load(std::memory_order_acquire) * mappings_per_page; }

    u32 release_cursor = 0;  // of release_grant_mappings

private:
    Result<bool> grow_by_one(u32 frames);
    bool add_mappings();  // under the lock of the free list
    Mapping& slot(u32 handle) const { return maptrack_.data()[handle / mappings_per_page][handle % mappings_per_page]; }

    // The table's frames have the grant, or had it until they were retired.
    ActiveGrant& active(GrantRef ref) const {
        return active_.data()[ref.value / entries_per_frame][ref.value % entries_per_frame];
    }
    abi::GrantEntryV1& shared(GrantRef ref) const {
        return shared_.data()[ref.value / entries_per_frame][ref.value % entries_per_frame];
    }
    static u32* header_of(abi::GrantEntryV1& entry) { return reinterpret_cast<u32*>(&entry); }

    Domain& owner_;
    u32 max_frames_;
    u32 max_maptrack_pages_;

    Spinlock<LockRank::grant_table> lock_;  // the granter's side
    u32 frames_ = 0;
    std::array<abi::GrantEntryV1*, most_grant_frames> shared_{};
    std::array<ActiveGrant*, most_grant_frames> active_{};  // stays when the frames are retired

    Spinlock<LockRank::maptrack> maptrack_lock_;  // of the free list
    std::atomic<u32> maptrack_pages_{0};
    u32 free_handle_ = no_handle;
    std::array<Mapping*, most_maptrack_frames> maptrack_{};
};

// Sets reading (and writing) in the shared entry, against a granter that may change it at any moment: flags and domid
// are the one word that the protocol changes atomically.
template <Access access>
[[gnu::always_inline]] inline bool mark_in_use(u32* header, Domid grantee) {
    using namespace abi::gtf;
    constexpr bool writes = access == Access::write;
    constexpr u32 compared = 0xffff'0000 | type_mask | (writes ? readonly : 0u);
    constexpr u32 marks = reading | (writes ? writing : 0u);
    u32 const wanted = u32{grantee.value} << 16 | permit_access;
    u32 now = __atomic_load_n(header, __ATOMIC_ACQUIRE);
    for (u32 tries = 5; ((now ^ wanted) & compared) == 0 && tries != 0; --tries)  // who keeps changing it is refused
        if (__atomic_compare_exchange_n(header, &now, now | marks, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
            return true;
    return false;
}

template <Access access>
[[gnu::always_inline]] inline GrantStatus GrantTable::begin_use(GrantRef ref, Domid grantee, Mfn& frame) {
    SpinGuard guard{lock_};
    if (!check_index(ref.value, frames_ * entries_per_frame)) [[unlikely]]
        return GrantStatus::bad_gntref;
    ActiveGrant& grant = active(ref);
    abi::GrantEntryV1& entry = shared(ref);
    if (grant.users == 0) [[likely]] {
        if (!mark_in_use<access>(header_of(entry), grantee)) [[unlikely]]
            return GrantStatus::general_error;
        grant.frame = __atomic_load_n(&entry.frame, __ATOMIC_RELAXED);
        grant.grantee = grantee;
    } else {
        bool const known = access == Access::read || grant.has_writers();
        if (grant.grantee != grantee || !(known || mark_in_use<access>(header_of(entry), grantee)))
            return GrantStatus::general_error;
    }
    grant.users += ActiveGrant::one<access>;
    frame = Mfn{grant.frame};
    return GrantStatus::okay;
}

// What keeps the table is the frame that is let go of; or, as long as it is not retired, this lock: the end of its
// owner takes it for that, and goes on behind it.
template <Access access, class F>
[[gnu::always_inline]] inline void GrantTable::end_use(GrantRef ref, F&& let_go) {
    {
        SpinGuard guard{lock_};
        ActiveGrant& grant = active(ref);
        ASSERT(grant.users >= ActiveGrant::one<access>);
        grant.users -= ActiveGrant::one<access>;
        if (ref.value < frames_ * entries_per_frame) [[likely]] {
            let_go();
            if (grant.has_writers()) return;
            u32 const over = abi::gtf::writing | (grant.has_readers() ? 0 : abi::gtf::reading);
            __atomic_fetch_and(header_of(shared(ref)), ~over, __ATOMIC_RELEASE);
            return;
        }
    }
    let_go();  // retired: the entry is gone
}
}  // namespace hv
