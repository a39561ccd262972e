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

void clear_flags(abi::GrantEntryV1& entry, u16 flags) {
    __atomic_fetch_and(header_of(entry), ~u32{flags}, __ATOMIC_RELEASE);
}
}  // namespace

GrantTable::GrantTable(Domain& owner, u32 max_frames, u32 max_maptrack_frames)
    : owner_{owner},
      max_frames_{std::clamp(max_frames, 1u, frame_limit)},
      max_maptrack_pages_{std::min(max_maptrack_frames, maptrack_frame_limit)} {}

abi::GrantEntryV1* GrantTable::entry(u32 ref) const {
    auto* first = reinterpret_cast<abi::GrantEntryV1*>(hal::map(mfn_of(*frame_[ref / entries_per_frame])));
    return first + ref % entries_per_frame;
}

ActiveGrant* GrantTable::active(u32 ref) const { return active_[ref / entries_per_frame] + ref % entries_per_frame; }

Result<> GrantTable::grow_to(u32 frames) {
    if (frames > max_frames_) return Errno::nospc;
    SpinGuard guard{lock_};
    while (frames_ < frames) {
        PageInfo* page = alloc_shared_frame(owner_);
        auto* in_use = reinterpret_cast<ActiveGrant*>(alloc_heap(active_order));
        if (!page || !in_use) {
            if (page) release_shared_frame(*page);
            free_heap(reinterpret_cast<std::byte*>(in_use), active_order);
            return Errno::nomem;
        }
        frame_[frames_] = page;
        active_[frames_] = in_use;
        ++frames_;
    }
    return {};
}

u32 GrantTable::frame_count() {
    SpinGuard guard{lock_};
    return frames_;
}

Mfn GrantTable::frame(u32 index) {
    SpinGuard guard{lock_};
    return mfn_of(*frame_[index]);
}

void GrantTable::retire() {
    SpinGuard guard{lock_};
    while (frames_) {
        --frames_;
        release_shared_frame(*std::exchange(frame_[frames_], nullptr));
    }
}

void GrantTable::free_memory() {
    for (ActiveGrant*& page : active_)
        free_heap(reinterpret_cast<std::byte*>(std::exchange(page, nullptr)), active_order);
    for (Mapping*& page : maptrack_) free_heap(reinterpret_cast<std::byte*>(std::exchange(page, nullptr)), 0);
}

// Sets reading (and writing) in the shared entry, against a granter that may change it at any moment.
GrantStatus GrantTable::mark_in_use(abi::GrantEntryV1& entry, Domid grantee, Access access) {
    constexpr u32 tries = 5;  // a granter that keeps changing the entry gets what it asks for
    u32 header = __atomic_load_n(header_of(entry), __ATOMIC_ACQUIRE);
    for (u32 i = 0; i < tries; ++i) {
        u16 flags = static_cast<u16>(header);
        if ((flags & abi::gtf::type_mask) != abi::gtf::permit_access || (header >> 16) != grantee.value)
            return GrantStatus::general_error;
        if (access == Access::write && (flags & abi::gtf::readonly)) return GrantStatus::general_error;
        u32 marked = header | abi::gtf::reading | (access == Access::write ? abi::gtf::writing : 0);
        if (__atomic_compare_exchange_n(header_of(entry), &header, marked, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
            return GrantStatus::okay;
    }
    return GrantStatus::general_error;
}

GrantTable::Use GrantTable::begin_use(GrantRef ref, Domid grantee, Access access) {
    SpinGuard guard{lock_};
    if (ref.value >= frames_ * entries_per_frame) return {GrantStatus::bad_gntref, {}};
    abi::GrantEntryV1& shared = *entry(ref.value);
    ActiveGrant& grant = *active(ref.value);
    bool const unused = grant.readers == 0 && grant.writers == 0;
    if (!unused && grant.grantee != grantee) return {GrantStatus::general_error, {}};

    if (unused || (access == Access::write && grant.writers == 0)) {
        GrantStatus status = mark_in_use(shared, grantee, access);
        if (status != GrantStatus::okay) return {status, {}};
    }
    if (unused) {
        grant.grantee = grantee;
        grant.frame = __atomic_load_n(&shared.frame, __ATOMIC_RELAXED);
    }
    u32& users = access == Access::write ? grant.writers : grant.readers;
    if (users == ~0u) return {GrantStatus::general_error, {}};
    ++users;
    return {GrantStatus::okay, Mfn{grant.frame}};
}

void GrantTable::end_use(GrantRef ref, Access access) {
    SpinGuard guard{lock_};
    if (ref.value / entries_per_frame >= frame_limit || !active_[ref.value / entries_per_frame]) return;
    ActiveGrant& grant = *active(ref.value);
    u32& users = access == Access::write ? grant.writers : grant.readers;
    ASSERT(users > 0);
    --users;
    if (ref.value >= frames_ * entries_per_frame) return;  // retired: there is no shared entry any more
    u16 over = 0;
    if (grant.writers == 0) over |= abi::gtf::writing;
    if (grant.writers == 0 && grant.readers == 0) over |= abi::gtf::reading;
    if (over) clear_flags(*entry(ref.value), over);
}

Result<GrantTable*> create_grant_table(Domain& domain, u32 max_grant_frames, u32 max_maptrack_frames) {
    GrantTable* table = make<GrantTable>(domain, max_grant_frames, max_maptrack_frames);
    if (!table) return Errno::nomem;
    return table;
}

void retire_grant_table(Domain& domain) { domain.grants->retire(); }

void destroy_grant_table(Domain& domain) {
    domain.grants->free_memory();
    destroy(std::exchange(domain.grants, nullptr));
}

u32 grant_frame_limit(Domain& domain) { return domain.grants->max_frame_count(); }

Result<Mfn> grant_frame(Domain& domain, u32 index) {
    if (domain.is_dying()) return Errno::inval;
    TRY(domain.grants->grow_to(index + 1));
    return domain.grants->frame(index);
}
}  // namespace hv
