// SPDX-License-Identifier: MIT
// The mapper's side: handles, lowest first as they come from a free list.
#include "core/grant/mapping.hpp"
#include "core/hal/cpu.hpp"
#include "core/mm/heap.hpp"

namespace hv {
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

bool release_grant_mappings(Domain& domain) {
    GrantTable& table = *domain.grants;
    while (Mapping* const mapping = table.mapping(table.release_cursor)) {
        if (u16 const flags = mapping->claim()) end_mapping(table, {mapping, flags});
        ++table.release_cursor;
        if (hal::should_preempt()) return false;
    }
    return true;
}

void for_each_grant_mapping(Domain& domain, void (*visit)(void* context, Mfn mfn, bool writable), void* context) {
    GrantTable& table = *domain.grants;
    for (u32 handle = 0; Mapping const* const mapping = table.mapping(handle); ++handle)
        if (mapping->flags) visit(context, Mfn{mapping->frame}, !(mapping->flags & abi::gntmap::readonly));
}
}  // namespace hv
