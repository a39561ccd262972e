// SPDX-License-Identifier: MIT
// Kernels to be laid out, and a domain's initial memory as its processor would see it.
#pragma once
#include "portable/kernel/layout.hpp"

#include <map>
#include <vector>

namespace test {
using hv::u64;

inline constexpr u64 mib = 1 << 20;
inline constexpr u64 virt_base = 0xffff'ffff'8000'0000;
inline constexpr u64 first_frame = 0x12345;  // the frame of pfn 0; the others follow

inline hv::Mfn frame_of(u64 pfn) { return {pfn + first_frame}; }

// Debian's kernel of section 1.2 of the interface: 16 MiB to 74 MiB.
inline hv::pv::KernelImage linux_kernel(hv::pv::KernelRole role) {
    hv::pv::KernelImage image{};
    image.role = role;
    image.virt_base = virt_base;
    image.start = virt_base + 16 * mib;
    image.end = virt_base + 74 * mib - 0x800;
    image.entry = image.start;
    image.init_p2m = 0x80'0000'0000;
    image.initrd_by_pfn = true;
    return image;
}

// Ours: at 1 MiB, without wishes.
inline hv::pv::KernelImage small_kernel() {
    hv::pv::KernelImage image{};
    image.virt_base = virt_base;
    image.start = virt_base + mib;
    image.end = image.start + 0x9000;
    image.entry = image.start;
    return image;
}

class Tables {
public:
    explicit Tables(hv::pv::BootLayout const& layout) : root_{frame_of(layout.tables.pfn).value} {
        for (hv::pv::Region const& region : {layout.tables, layout.p2m_tables}) {
            for (u64 pfn = region.pfn; pfn < region.end(); ++pfn) {
                std::vector<u64>& words = tables_[frame_of(pfn).value];
                words.assign(512, ~u64{0});
                hv::pv::fill_table(layout, pfn, hv::pv::PageWords{words}, frame_of);
            }
        }
    }
    // The entry that maps an address; 0 if none does. Entries that name no table are counted as faults.
    u64 entry(u64 address) {
        u64 frame = root_;
        for (unsigned shift : {39u, 30u, 21u, 12u}) {
            auto const table = tables_.find(frame);
            if (table == tables_.end()) {
                ++faults;
                return 0;
            }
            u64 const value = table->second[address >> shift & 511];
            if (shift == 12 || (value & hv::Pte::present) == 0) return value;
            frame = hv::Pte{value}.mfn().value;
        }
        return 0;
    }
    u64 count_present() const {
        u64 count = 0;
        for (auto const& [frame, words] : tables_)
            for (u64 word : words) count += word & hv::Pte::present;
        return count;
    }

    u64 faults = 0;

private:
    std::map<u64, std::vector<u64>> tables_;
    u64 root_;
};
}  // namespace test
