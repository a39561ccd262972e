// SPDX-License-Identifier: MIT
// The granter's side, and the life of a table.
#include "core/grant/table.hpp"
#include <algorithm>
#include "core/hal.hpp"
#include "core/mm/heap.hpp"

namespace hv {
namespace {
constexpr u32 active_order = order_of_bytes(GrantTable::entries_per_frame * sizeof(ActiveGrant));

// flags and domid of an entry as the one word that the protocol changes atomically.
u32* header_of(abi::GrantEntryV1& entry) { return reinterpret_cast<u32*>(&entry); }
}  // namespace

GrantTable::GrantTable(Domain& owner, u32 max_frames, u32 max_maptrack_frames)
    : owner_{owner},
      max_frames_{std::clamp(max_frames, 1u, frame_limit)},
      max_maptrack_pages_{std::min(max_maptrack_frames, maptrack_frame_limit)} {}

GrantTable::~GrantTable() {
    for (ActiveGrant* page : active_) free_heap(reinterpret_cast<std::byte*>(page), active_order);
    for (Mapping* page : maptrack_) free_heap(reinterpret_cast<std::byte*>(page), 0);
}

Result<> GrantTable::grow_to(u32 frames) {
    if (frames > max_frames_) return Errno::nospc;
    SpinGuard guard{lock_};
    if (owner_.is_dying()) return Errno::inval;  // its frames are retired, or about to be
    for (; frames_ < frames; ++frames_) {
        PageInfo* const page = alloc_shared_frame(owner_);
        if (!page) return Errno::nomem;
        std::byte* const in_use = alloc_heap(active_order);
        if (!in_use) {
            release_shared_frame(*page);
            return Errno::nomem;
        }
        shared_[frames_] = reinterpret_cast<abi::GrantEntryV1*>(hal::map(mfn_of(*page)));
        active_[frames_] = reinterpret_cast<ActiveGrant*>(in_use);
    }
    return {};
}

u32 GrantTable::frame_count() {
    SpinGuard guard{lock_};
    return frames_;
}

Mfn GrantTable::frame(u32 index) {
    SpinGuard guard{lock_};
    return hal::mfn_of(shared_[index]);
}

void GrantTable::retire() {
    SpinGuard guard{lock_};
    while (frames_) release_shared_frame(page_of(hal::mfn_of(shared_[--frames_])));
}

namespace {
// Sets reading (and writing) in the shared entry, against a granter that may change it at any moment.
[[gnu::always_inline]] inline bool mark_in_use(abi::GrantEntryV1& entry, Domid grantee, bool writing) {
    using namespace abi::gtf;
    u32 const wanted = u32{grantee.value} << 16 | permit_access;
    u32 const compared = 0xffff'0000 | type_mask | (writing ? readonly : 0u);
    u32 const marks = reading | (writing ? abi::gtf::writing : 0u);
    u32 header = __atomic_load_n(header_of(entry), __ATOMIC_ACQUIRE);
    for (u32 tries = 5; tries != 0 && ((header ^ wanted) & compared) == 0; --tries)  // who keeps changing it is refused
        if (__atomic_compare_exchange_n(header_of(entry), &header, header | marks, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE))
            return true;
    return false;
}
}  // namespace

GrantStatus GrantTable::begin_use(GrantRef ref, Domid grantee, Access access, Mfn& frame) {
    bool const writing = access == Access::write;
    SpinGuard guard{lock_};
    if (ref.value >= frames_ * entries_per_frame) [[unlikely]]
        return GrantStatus::bad_gntref;
    ActiveGrant& grant = active_.data()[ref.value / entries_per_frame][ref.value % entries_per_frame];
    abi::GrantEntryV1& shared = shared_.data()[ref.value / entries_per_frame][ref.value % entries_per_frame];
    auto& [readers, writers] = grant.users;
    if ((readers | writers) == 0) [[likely]] {
        if (!mark_in_use(shared, grantee, writing)) return GrantStatus::general_error;
        grant.frame = __atomic_load_n(&shared.frame, __ATOMIC_RELAXED);
        grant.grantee = grantee;
    } else {
        bool const more = writing && writers == 0;
        u32 const users = writing ? writers : readers;
        if (grant.grantee != grantee || users == ~0u || (more && !mark_in_use(shared, grantee, writing)))
            return GrantStatus::general_error;
    }
    ++(writing ? writers : readers);
    frame = Mfn{grant.frame};
    return GrantStatus::okay;
}

void GrantTable::end_use(GrantRef ref, Access access) {
    SpinGuard guard{lock_};
    auto& [readers, writers] = active_.data()[ref.value / entries_per_frame][ref.value % entries_per_frame].users;
    u32& users = access == Access::write ? writers : readers;
    ASSERT(users > 0);
    --users;
    if (writers != 0 || ref.value >= frames_ * entries_per_frame) return;  // or retired: the entry is gone
    u32 const over = abi::gtf::writing | (readers == 0 ? abi::gtf::reading : 0);
    abi::GrantEntryV1& shared = shared_.data()[ref.value / entries_per_frame][ref.value % entries_per_frame];
    __atomic_fetch_and(header_of(shared), ~over, __ATOMIC_RELEASE);
}

Result<GrantTable*> create_grant_table(Domain& domain, u32 max_grant_frames, u32 max_maptrack_frames) {
    GrantTable* table = make<GrantTable>(domain, max_grant_frames, max_maptrack_frames);
    if (!table) return Errno::nomem;
    return table;
}

void retire_grant_table(Domain& domain) { domain.grants->retire(); }
void destroy_grant_table(Domain& domain) { destroy(std::exchange(domain.grants, nullptr)); }
u32 grant_frame_limit(Domain& domain) { return domain.grants->max_frame_count(); }

Result<Mfn> grant_frame(Domain& domain, u32 index) {
    TRY(domain.grants->grow_to(index + 1));
    return domain.grants->frame(index);
}
}  // namespace hv
