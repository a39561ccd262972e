// SPDX-License-Identifier: MIT
#include "portable/kernel/contents.hpp"
#include <cstring>

namespace hv::pv {
namespace {
// Consecutive addresses that show consecutive pfns, and their tables below the root in the order l3s, l2s, l1s.
struct MappedRange {
    u64 start;
    u64 bytes;
    u64 first_pfn;
    u64 first_table;  // pfn
    TableCount count;

    u64 last() const { return start + bytes - 1; }
    bool has_table(u64 pfn) const { return pfn - first_table < count.total(); }

    // What a table shows that serves 2^(shift + 9) bytes, the block of that number, by entries that stand for 2^shift
    // bytes each: pfns from `first_child` on, the one of the range's first entry.
    TableContents::Run entries(u64 block, u64 shift, u64 first_child) const {
        u64 const first = std::max(start >> shift, block << 9);
        u64 const end = std::min(last() >> shift, (block << 9) + 511) + 1;
        return {.slot = first & 511, .count = end - first, .pfn = first_child + first - (start >> shift)};
    }

    TableContents::Run in_root() const { return entries(start >> 48, 39, first_table); }
    TableContents below_root(u64 pfn) const {
        u64 const l2s = first_table + count.l3;
        u64 const l1s = l2s + count.l2;
        if (pfn < l2s) return {{entries((start >> 39) + pfn - first_table, 30, l2s)}};
        if (pfn < l1s) return {{entries((start >> 30) + pfn - l2s, 21, l1s)}};
        return {{entries((start >> 21) + pfn - l1s, 12, first_pfn)}, true};
    }
};

MappedRange run_of(BootLayout const& layout) {
    u64 const bytes = layout.mapped_pages << page_shift;
    return {layout.virt_base, bytes, 0, layout.tables.pfn + 1, tables_for(layout.virt_base, bytes)};
}
MappedRange list_of(BootLayout const& layout) {
    u64 const bytes = layout.p2m.pages << page_shift;
    return {layout.p2m_address, bytes, layout.p2m.pfn, layout.p2m_tables.pfn, tables_for(layout.p2m_address, bytes)};
}
}  // namespace

TableContents table_contents(BootLayout const& layout, u64 table_pfn) {
    MappedRange const run = run_of(layout);
    if (run.has_table(table_pfn)) return run.below_root(table_pfn);
    if (layout.p2m_tables.pages == 0) return {{run.in_root()}};
    MappedRange const list = list_of(layout);
    return list.has_table(table_pfn) ? list.below_root(table_pfn) : TableContents{{run.in_root(), list.in_root()}};
}

bool fill_start_info(abi::StartInfo& info, KernelImage const& image, BootLayout const& layout,
                     StartFacts const& facts) {
    bool const dom0 = image.role == KernelRole::dom0;
    std::memcpy(info.magic, abi::start_info_magic, sizeof(abi::start_info_magic));
    if (dom0 && image.pae_mode) info.magic[sizeof(abi::start_info_magic) - 1] = 'p';  // Xen tells dom0 alone
    info.nr_pages = layout.pages;
    info.shared_info = facts.shared_info;
    info.flags = dom0 ? abi::sif::privileged | abi::sif::initdomain : abi::sif::virt_p2m_4tools;
    info.pt_base = Vaddr{layout.address_of(layout.tables.pfn)};
    info.nr_pt_frames = layout.tables.pages;
    info.mfn_list = Vaddr{layout.p2m_address};
    if (layout.p2m_tables.pages != 0) {
        info.first_p2m_pfn = Pfn{layout.p2m.pfn};
        info.nr_p2m_frames = layout.p2m.pages + layout.p2m_tables.pages;
    }
    if (layout.initrd.pages != 0) {
        if (layout.initrd_by_pfn) info.flags |= abi::sif::mod_start_pfn;
        info.mod_start = layout.initrd_by_pfn ? layout.initrd.pfn : layout.address_of(layout.initrd.pfn);
        info.mod_len = facts.initrd_bytes;
    }
    u64 const length = std::min(facts.command_line.size(), sizeof(info.cmd_line) - 1);
    std::memcpy(info.cmd_line, facts.command_line.data(), length);
    info.cmd_line[length] = 0;
    return length == facts.command_line.size();
}

void fill_context(abi::VcpuGuestContext& context, KernelImage const& image, BootLayout const& layout, Mfn root) {
    constexpr u64 interrupts = 1u << 9;  // enabled; the event mask is what keeps them away
    context.flags = abi::vgcf::in_kernel | abi::vgcf::online;
    context.user_regs.rip = image.entry;
    context.user_regs.rsp = context.kernel_sp = layout.stack_top();
    context.user_regs.rsi = layout.address_of(layout.start_info_pfn);
    context.user_regs.rflags = interrupts;
    context.user_regs.cs = abi::selector::flat_cs64;
    context.user_regs.ss = abi::selector::flat_ss;
    context.kernel_ss = abi::selector::flat_ss;
    context.ctrlreg[3] = root.value << page_shift;
}
}  // namespace hv::pv
