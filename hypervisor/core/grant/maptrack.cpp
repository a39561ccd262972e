// SPDX-License-Identifier: MIT
// The mapper's side: handles, lowest first as they come from a free list.
#include "core/grant/mapping.hpp"
#include "core/hal.hpp"
#include "core/mm/heap.hpp"

namespace hv {
bool GrantTable::add_handles() {
    u32 const pages = maptrack_pages_;
    auto* const page = pages < max_maptrack_pages_ ? reinterpret_cast<Mapping*>(alloc_heap(0)) : nullptr;
    if (!page) return false;
    for (u32 i = mappings_per_page; i-- > 0;)
        page[i].ref = GrantRef{std::exchange(free_handle_, pages * mappings_per_page + i)};
    maptrack_[pages] = page;
    maptrack_pages_.store(pages + 1, std::memory_order_release);
    return true;
}

bool release_grant_mappings(Domain& domain) {
    GrantTable& table = *domain.grants;
    for (u32 limit = table.handle_limit(); table.release_cursor < limit; ++table.release_cursor) {
        if (hal::should_preempt()) return false;
        if (u16 const flags = table.claim(table.release_cursor))
            end_mapping(table, {table.release_cursor, Mapping::access_of(flags)});
    }
    return true;
}

void for_each_grant_mapping(Domain& domain, void (*visit)(void* context, Mfn mfn, bool writable), void* context) {
    GrantTable& table = *domain.grants;
    for (u32 handle = 0; handle < table.handle_limit(); ++handle) {
        Mapping const& mapping = table.mapping(handle);
        if (mapping.flags) visit(context, Mfn{mapping.frame}, Mapping::access_of(mapping.flags) == Access::write);
    }
}
}  // namespace hv
