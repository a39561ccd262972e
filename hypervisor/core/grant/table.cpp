// SPDX-License-Identifier: MIT
// Both sides of a table, and its life.
#include "core/grant/table.hpp"
#include "core/hal/cpu.hpp"
#include "core/hal/memory.hpp"
#include "core/mm/heap.hpp"

namespace hv {
namespace {
constexpr u32 active_order = order_of_bytes(GrantTable::entries_per_frame * sizeof(ActiveGrant));
}  // namespace

GrantTable::GrantTable(Domain& owner, u32 max_frames, u32 max_maptrack_frames)
    : owner_{owner}, max_frames_{max_frames}, max_maptrack_pages_{max_maptrack_frames} {
    ASSERT(max_frames != 0 && max_frames <= most_grant_frames && max_maptrack_frames <= most_maptrack_frames);
}

GrantTable::~GrantTable() {
    for (ActiveGrant* page : active_) free_heap(reinterpret_cast<std::byte*>(page), active_order);
    for (Mapping* page : maptrack_) free_heap(reinterpret_cast<std::byte*>(page), 0);
}

Result<> GrantTable::grow_to(u32 frames) {
    if (frames > max_frames_) return Errno::nospc;
    while (!TRY(grow_by_one(frames))) (void)hal::should_preempt();
    return {};
}

// True if the table had as many already. It has the lock for a frame at a time, as the frames are cleared under it.
Result<bool> GrantTable::grow_by_one(u32 frames) {
    SpinGuard guard{lock_};
    if (owner_.is_dying()) return Errno::inval;  // its frames are retired, or about to be
    if (frames_ >= frames) return true;
    PageInfo* const page = alloc_shared_frame(owner_);
    if (!page) return Errno::nomem;
    std::byte* const in_use = alloc_heap(active_order);
    if (!in_use) {
        release_shared_frame(*page);
        return Errno::nomem;
    }
    shared_[frames_] = reinterpret_cast<abi::GrantEntryV1*>(hal::map(mfn_of(*page)));
    active_[frames_] = reinterpret_cast<ActiveGrant*>(in_use);
    ++frames_;
    return false;
}

u32 GrantTable::frame_count() {
    SpinGuard guard{lock_};
    return frames_;
}

Result<Mfn> GrantTable::frame(u32 index) {
    SpinGuard guard{lock_};
    if (!check_index(index, frames_)) return Errno::inval;
    return hal::mfn_of(shared_.data()[index]);
}

void GrantTable::retire() {
    SpinGuard guard{lock_};
    while (frames_) release_shared_frame(page_of(hal::mfn_of(shared_[--frames_])));
}

GrantStatus GrantTable::swap(GrantRef a, GrantRef b) {
    SpinGuard guard{lock_};
    u32 const entries = frames_ * entries_per_frame;
    if (a.value >= entries || b.value >= entries) return GrantStatus::bad_gntref;
    a.value = static_cast<u32>(index_nospec(a.value, entries));
    b.value = static_cast<u32>(index_nospec(b.value, entries));
    if (a != b && (active(a).users || active(b).users)) return GrantStatus::eagain;
    u64& first = reinterpret_cast<u64&>(shared(a));
    u64& second = reinterpret_cast<u64&>(shared(b));
    u64 const was_first = __atomic_load_n(&first, __ATOMIC_RELAXED);
    __atomic_store_n(&first, __atomic_load_n(&second, __ATOMIC_RELAXED), __ATOMIC_RELAXED);
    __atomic_store_n(&second, was_first, __ATOMIC_RELAXED);
    return GrantStatus::okay;
}

Result<Mfn> GrantTable::grown_to(u32 index) {
    TRY(grow_to(index + 1));
    return frame(index);
}

bool GrantTable::add_mappings() {
    u32 const pages = maptrack_pages_;
    auto* const page = pages < max_maptrack_pages_ ? reinterpret_cast<Mapping*>(alloc_heap(0)) : nullptr;
    if (!page) return false;
    for (u32 i = mappings_per_page; i-- > 0;) {
        page[i].handle = pages * mappings_per_page + i;
        page[i].ref = GrantRef{std::exchange(free_handle_, page[i].handle)};
    }
    maptrack_[pages] = page;
    maptrack_pages_.store(pages + 1, std::memory_order_release);
    return true;
}
}  // namespace hv
