// SPDX-License-Identifier: MIT
// The mapper's side: handles, lowest first as they come from a free list.
#include "core/grant/mapping.hpp"
#include "core/grant/table.hpp"
#include "core/hal.hpp"
#include "core/mm/heap.hpp"

namespace hv {
Mapping* GrantTable::slot(u32 handle) const {
    return maptrack_[handle / mappings_per_page] + handle % mappings_per_page;
}

Result<u32> GrantTable::reserve_handle() {
    SpinGuard guard{maptrack_lock_};
    if (free_handle_ == no_handle) {
        if (maptrack_pages_ >= max_maptrack_pages_) return Errno::nospc;
        auto* page = reinterpret_cast<Mapping*>(alloc_heap(0));
        if (!page) return Errno::nomem;
        maptrack_[maptrack_pages_] = page;
        u32 first = maptrack_pages_++ * mappings_per_page;
        for (u32 i = mappings_per_page; i-- > 0;) {
            slot(first + i)->ref = GrantRef{free_handle_};
            free_handle_ = first + i;
        }
    }
    u32 handle = free_handle_;
    free_handle_ = slot(handle)->ref.value;
    slot(handle)->flags = Mapping::taken;
    return handle;
}

void GrantTable::record(u32 handle, Mapping mapping) {
    SpinGuard guard{maptrack_lock_};
    *slot(handle) = mapping;
    slot(handle)->flags |= Mapping::taken;
}

void GrantTable::free_handle(u32 handle) {
    SpinGuard guard{maptrack_lock_};
    *slot(handle) = {};
    slot(handle)->ref = GrantRef{free_handle_};
    free_handle_ = handle;
}

Result<Mapping> GrantTable::take_kinds(u32 handle, u16 kinds) {
    SpinGuard guard{maptrack_lock_};
    if (handle >= maptrack_pages_ * mappings_per_page) return Errno::inval;
    Mapping before = *slot(handle);
    if (!(before.flags & (Mapping::host | Mapping::device))) return Errno::inval;
    slot(handle)->flags = static_cast<u16>(before.flags & ~kinds);
    return before;
}

void GrantTable::give_back_kinds(u32 handle, u16 kinds) {
    SpinGuard guard{maptrack_lock_};
    slot(handle)->flags |= kinds;
}

Mapping GrantTable::mapping(u32 handle) {
    SpinGuard guard{maptrack_lock_};
    return *slot(handle);
}

u32 GrantTable::handle_limit() {
    SpinGuard guard{maptrack_lock_};
    return maptrack_pages_ * mappings_per_page;
}

bool release_grant_mappings(Domain& domain) {
    GrantTable& table = *domain.grants;
    for (u32 limit = table.handle_limit(); table.release_cursor < limit; ++table.release_cursor) {
        if (hal::should_preempt()) return false;
        u32 handle = table.release_cursor;
        Result<Mapping> mapping = table.take_kinds(handle, Mapping::host | Mapping::device);
        if (mapping) end_mapping(table, handle, *mapping);
    }
    return true;
}

void for_each_grant_mapping(Domain& domain, void (*visit)(void* context, Mfn mfn, bool writable), void* context) {
    GrantTable& table = *domain.grants;
    for (u32 handle = 0; handle < table.handle_limit(); ++handle) {
        Mapping mapping = table.mapping(handle);
        if (mapping.flags & (Mapping::host | Mapping::device))
            visit(context, Mfn{mapping.frame}, mapping.flags & Mapping::writable);
    }
}
}  // namespace hv
