// SPDX-License-Identifier: MIT
#include "hosted/tlb.hpp"

#include <algorithm>

#include "core/mm/page_info.hpp"

namespace hosted {
std::optional<Translation> TranslationCaches::find(CpuId cpu, u64 page, bool write) const {
    for (Translation const& entry : entries_[cpu])
        if (entry.page == page && (entry.writable || !write)) return entry;
    return std::nullopt;
}

void TranslationCaches::insert(CpuId cpu, Translation translation) {
    flush_page(cpu, translation.page);
    entries_[cpu].push_back(translation);
}

void TranslationCaches::flush_page(CpuId cpu, u64 page) {
    if (cpu >= most_cpus) return;
    std::erase_if(entries_[cpu], [&](Translation const& entry) { return entry.page == (page & page_mask); });
}

std::string TranslationCaches::danger() const {
    for (CpuId cpu = 0; cpu < most_cpus; ++cpu) {
        for (Translation const& entry : entries_[cpu]) {
            PageInfo const& page = page_of(entry.mfn);
            std::string who = "CPU " + std::to_string(cpu) + " still translates for d" +
                              std::to_string(entry.domain.value) + " to frame " + std::to_string(entry.mfn.value) +
                              ", which ";
            bool free = page.owner() == abi::domid_invalid;
            if (!free && page.owner() != entry.owner && entry.domain != abi::dom0)
                return who + "now belongs to d" + std::to_string(page.owner().value);
            bool in_use = page.uses() != 0 || page.prefix() != 0;
            if (entry.writable && in_use && (is_table_type(page.kind()) || page.kind() == PageType::segdesc))
                return who + "has become of type " + std::to_string(static_cast<int>(page.kind())) + ", writable";
        }
    }
    return {};
}
}  // namespace hosted
