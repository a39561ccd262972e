// SPDX-License-Identifier: MIT
// The mapper's side: handles, lowest first as they come from a free list.
#include "core/grant/mapping.hpp"
#include "core/grant/table.hpp"
#include "core/hal.hpp"
#include "core/mm/heap.hpp"

namespace hv {
Result<u32> GrantTable::reserve_handle() {
    SpinGuard guard{maptrack_lock_};
    if (free_handle_ == no_handle) [[unlikely]] {
        u32 const pages = maptrack_pages_;
        if (pages >= max_maptrack_pages_) return Errno::nospc;
        auto* const page = reinterpret_cast<Mapping*>(alloc_heap(0));
        if (!page) return Errno::nomem;
        for (u32 i = mappings_per_page; i-- > 0;)
            page[i].ref = GrantRef{std::exchange(free_handle_, pages * mappings_per_page + i)};
        maptrack_[pages] = page;
        maptrack_pages_.store(pages + 1, std::memory_order_release);
    }
    u32 const handle = free_handle_;
    free_handle_ = slot(handle).ref.value;
    return handle;
}

void GrantTable::free_handle(u32 handle) {
    SpinGuard guard{maptrack_lock_};
    slot(handle).ref = GrantRef{std::exchange(free_handle_, handle)};
}

bool release_grant_mappings(Domain& domain) {
    GrantTable& table = *domain.grants;
    for (u32 limit = table.handle_limit(); table.release_cursor < limit; ++table.release_cursor) {
        if (hal::should_preempt()) return false;
        if (table.claim(table.release_cursor)) end_mapping(table, table.release_cursor);
    }
    return true;
}

void for_each_grant_mapping(Domain& domain, void (*visit)(void* context, Mfn mfn, bool writable), void* context) {
    GrantTable& table = *domain.grants;
    for (u32 handle = 0; handle < table.handle_limit(); ++handle) {
        Mapping const& mapping = table.mapping(handle);
        if (mapping.flags & Mapping::kinds) visit(context, Mfn{mapping.frame}, mapping.access() == Access::write);
    }
}
}  // namespace hv
