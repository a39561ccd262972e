// SPDX-License-Identifier: MIT
#include "portable/kernel/layout.hpp"
#include <cstring>

namespace hv::pv {
namespace {
constexpr u64 end_alignment = u64{4} << 20;            // of the run, if there is memory for it
constexpr u64 least_slack = pages_of(u64{512} << 10);  // behind the stack: Linux's early allocations live there
constexpr u64 most_pages = u64{1} << 32;               // frames are numbered with 32 bits
constexpr u64 l3_span = 39;

// Whether a range ends in the half of the address space in which it begins; the last byte of that stays free.
bool fits(u64 start, u64 bytes) {
    u64 const end_of_half = start < hypervisor_start ? u64{1} << 47 : 0;  // 0 stands for 2^64
    return bytes <= end_of_half - start - 1;
}

struct Planner {
    KernelImage const& image;
    LayoutRequest const& request;
    BootLayout layout{};
    u64 next_pfn = 0;
    u64 least_pages = 0;

    u64 list_pages() const { return pages_of(request.pages * sizeof(u64)); }
    u64 list_bytes() const { return list_pages() << page_shift; }
    u64 initrd_pages() const { return (request.initrd_bytes >> page_shift) + (request.initrd_bytes % page_size != 0); }

    Region take(u64 pages) {
        next_pfn += pages;
        return {.pfn = next_pfn - pages, .pages = pages};
    }

    Complaint never(Complaint why) {
        least_pages = 0;
        return why;
    }

    Complaint run() {
        constexpr Complaint no_room = "it and its initrd do not fit into its address space";
        layout.virt_base = image.virt_base;
        layout.pages = request.pages;
        layout.initrd_by_pfn = image.initrd_by_pfn;
        if (request.pages > most_pages) return no_room;
        if (image.init_p2m && !fits(*image.init_p2m, list_bytes())) return no_room;
        u64 const behind = (image.initrd_by_pfn ? initrd_pages() : 0) +
                           (image.init_p2m ? list_pages() + tables_for(*image.init_p2m, list_bytes()).total() : 0);
        if (!plan_mapped_run(request.pages - std::min(behind, request.pages))) return never(no_room);
        least_pages += behind;
        if (image.initrd_by_pfn) layout.initrd = take(initrd_pages());
        if (image.init_p2m && !plan_list(*image.init_p2m))
            return never("the list of frames would lie in its own address range");
        layout.used_pages = next_pfn;
        return least_pages > request.pages ? "there is too little memory for it, its initrd and page tables" : nullptr;
    }

    // The run's padding gives way if there are no more than `limit` pages.
    bool plan_mapped_run(u64 limit) {
        next_pfn = (image.start - image.virt_base) >> page_shift;
        layout.kernel = take(pages_of(image.end - image.virt_base) - next_pfn);
        if (!image.initrd_by_pfn) layout.initrd = take(initrd_pages());
        if (!image.init_p2m) {
            layout.p2m = take(list_pages());
            layout.p2m_address = layout.address_of(layout.p2m.pfn);
        }
        layout.start_info_pfn = take(1).pfn;
        if (image.role == KernelRole::guest) {
            layout.xenstore_pfn = take(1).pfn;
            layout.console_pfn = take(1).pfn;
        }
        // The tables map themselves, so their number depends on itself; it only grows, and ends with memory.
        u64 tables = 0, needed = 1;
        while (tables != needed) {
            tables = needed;
            least_pages = next_pfn + tables + 1 + least_slack;
            if (least_pages > most_pages || !fits(layout.virt_base, (least_pages << page_shift) + end_alignment))
                return false;
            u64 const end = round_up(layout.address_of(least_pages), end_alignment);
            layout.mapped_pages = std::max(least_pages, std::min(limit, (end - layout.virt_base) >> page_shift));
            needed = 1 + tables_for(layout.virt_base, layout.mapped_pages << page_shift).total();
        }
        layout.tables = take(tables);
        layout.stack_pfn = take(1).pfn;
        next_pfn = layout.mapped_pages;
        return true;
    }

    bool plan_list(u64 start) {
        // Tables below the root belong to one of the two alone.
        bool const before = (start + list_bytes() - 1) >> l3_span < layout.virt_base >> l3_span;
        bool const behind = start >> l3_span > (layout.address_of(layout.mapped_pages) - 1) >> l3_span;
        if (!before && !behind) return false;
        layout.p2m = take(list_pages());
        layout.p2m_address = start;
        layout.p2m_tables = take(tables_for(start, list_bytes()).total());
        return true;
    }
};

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

TableCount tables_for(u64 start, u64 bytes) {
    auto spans = [&](u64 shift) { return ((start + bytes - 1) >> shift) - (start >> shift) + 1; };
    return {.l3 = spans(39), .l2 = spans(30), .l1 = spans(21)};
}

LayoutResult lay_out(KernelImage const& image, LayoutRequest const& request) {
    Planner planner{image, request};
    Complaint const error = planner.run();
    return {error, planner.least_pages, planner.layout};
}

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
