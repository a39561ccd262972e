// SPDX-License-Identifier: MIT
#include "portable/kernel/layout.hpp"
#include <algorithm>
#include "portable/base/pte.hpp"

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
}  // namespace hv::pv
