// SPDX-License-Identifier: MIT
#include "core/hal.hpp"
#include "core/mm/pte.hpp"
#include "x86/pv/dom0_parts.hpp"

namespace hv::x86 {
namespace {
constexpr u64 table_flags = Pte::present | Pte::writable | Pte::user | Pte::accessed;
constexpr u64 leaf_flags = table_flags | Pte::dirty;

// A range of addresses and the frames for its tables, in the order l3s, l2s, l1s.
struct Range {
    u64 start;
    u64 end;          // exclusive
    u64 first_pfn;    // mapped at `start`, the others behind it
    u64 first_table;  // pfn
    pv::TableCount tables;
};

class Mapper {
public:
    Mapper(Dom0Memory& memory, pv::Dom0Layout const& layout)
        : memory_{memory}, layout_{layout}, root_{memory.mfn(layout.page_tables.pfn)} {}

    void map(Range const& range) {
        next_[2] = range.first_table;
        next_[1] = next_[2] + range.tables.l3;
        next_[0] = next_[1] + range.tables.l2;
        for (u64 va = range.start; va != range.end; va += page_size) {
            u64 pfn = range.first_pfn + ((va - range.start) >> page_shift);
            u64* l1 = below(below(below(table(root_), l4_index(va), 2), l3_index(va), 1), l2_index(va), 0);
            l1[l1_index(va)] = Pte::make(memory_.mfn(pfn), flags_of(pfn)).raw;
        }
    }

    Mfn root() const { return root_; }

private:
    static u64* table(Mfn mfn) { return reinterpret_cast<u64*>(hal::map(mfn)); }

    u64* below(u64* parent, u32 index, u32 level) {
        if (!(parent[index] & Pte::present)) parent[index] = Pte::make(memory_.mfn(next_[level]++), table_flags).raw;
        return table(Pte{parent[index]}.mfn());
    }

    // A page table may not be mapped writable.
    u64 flags_of(u64 pfn) const {
        bool is_table = pfn - layout_.page_tables.pfn < layout_.page_tables.pages ||
                        pfn - layout_.p2m_tables.pfn < layout_.p2m_tables.pages;
        return is_table ? leaf_flags & ~Pte::writable : leaf_flags;
    }

    Dom0Memory& memory_;
    pv::Dom0Layout const& layout_;
    Mfn root_;
    std::array<u64, 3> next_{};  // pfns of the next free l1, l2 and l3
};
}  // namespace

Mfn build_dom0_tables(Dom0Memory& memory, pv::Dom0Layout const& layout) {
    Mapper mapper{memory, layout};
    mapper.map({.start = layout.virt_base,
                .end = layout.virt_end,
                .first_pfn = 0,
                .first_table = layout.page_tables.pfn + 1,
                .tables = layout.table_count});
    if (layout.p2m_tables.pages != 0)
        mapper.map({.start = layout.p2m.address,
                    .end = layout.p2m.address + (layout.p2m.pages << page_shift),
                    .first_pfn = layout.p2m.pfn,
                    .first_table = layout.p2m_tables.pfn,
                    .tables = layout.p2m_table_count});
    return mapper.root();
}
}  // namespace hv::x86
