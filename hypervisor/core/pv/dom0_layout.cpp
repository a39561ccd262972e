// SPDX-License-Identifier: MIT
#include "core/pv/dom0_layout.hpp"
#include "core/mm/pte.hpp"

namespace hv::pv {
namespace {
constexpr u64 end_alignment = u64{4} << 20;
constexpr u64 least_slack = u64{512} << 10;  // behind the boot stack; Linux's early allocations live there
constexpr u64 most_pages = u64{1} << 32;     // frames are numbered with 32 bits
constexpr u64 l3_span_shift = 39;

u64 spans(u64 start, u64 end, u64 shift) { return ((end - 1) >> shift) - (start >> shift) + 1; }

// Whether a range ends in the half of the address space in which it begins; the last page of that stays free.
bool fits(u64 start, u64 bytes) {
    u64 end_of_half = start < hypervisor_start ? u64{1} << 47 : 0;  // 0 stands for 2^64
    return bytes <= end_of_half - start - 1;
}

struct Planner {
    ElfKernel const& kernel;
    LayoutRequest const& request;
    Dom0Layout layout{};
    u64 next_pfn = 0;

    u64 list_pages() const { return pages_of(request.nr_pages * sizeof(u64)); }

    Region take(u64 pages) {
        next_pfn += pages;
        return {.pfn = next_pfn - pages, .pages = pages, .address = layout.address_of(next_pfn - pages)};
    }
    Region take_unmapped(u64 pages, u64 address = 0) {
        Region region = take(pages);
        region.address = address;
        return region;
    }

    Complaint run() {
        constexpr Complaint no_room = "kernel and initrd do not fit into the kernel's address space";
        layout.virt_base = kernel.virt_base;
        layout.initrd_by_pfn = kernel.initrd_by_pfn;
        if (request.nr_pages > most_pages) return no_room;
        if (request.initrd_bytes >> page_shift >= request.nr_pages) return "the initrd is larger than dom0's memory";
        if (!plan_mapped_run()) return no_room;
        if (request.initrd_bytes && kernel.initrd_by_pfn) layout.initrd = take_unmapped(pages_of(request.initrd_bytes));
        if (kernel.init_p2m) {
            if (!fits(*kernel.init_p2m, list_pages() << page_shift)) return no_room;
            if (!plan_list(*kernel.init_p2m, *kernel.init_p2m + (list_pages() << page_shift)))
                return "the list of frames would lie in the kernel's own address range";
        }
        layout.used_pages = next_pfn;
        if (next_pfn > request.nr_pages) return "dom0's memory is too small for its kernel and initrd";
        return nullptr;
    }

    bool plan_mapped_run() {
        next_pfn = pages_of(kernel.end - kernel.virt_base);
        if (request.initrd_bytes && !kernel.initrd_by_pfn) layout.initrd = take(pages_of(request.initrd_bytes));
        if (!kernel.init_p2m) layout.p2m = take(list_pages());
        layout.start_info = take(1);

        // The tables map themselves, so their number depends on itself; it only grows, and ends with memory.
        u64 tables = 0, needed = 1;
        while (tables != needed) {
            tables = needed;
            u64 bytes = ((next_pfn + tables + 1) << page_shift) + least_slack;
            if (!fits(kernel.virt_base, bytes + end_alignment)) return false;
            layout.virt_end = round_up(kernel.virt_base + bytes, end_alignment);
            layout.table_count = tables_for(kernel.virt_base, layout.virt_end);
            needed = 1 + layout.table_count.total();
        }
        layout.page_tables = take(tables);
        layout.stack = take(1);
        next_pfn = layout.mapped_pages = (layout.virt_end - kernel.virt_base) >> page_shift;
        return true;
    }

    bool plan_list(u64 start, u64 end) {
        // Tables below the root belong to one of the two alone.
        bool before = (end - 1) >> l3_span_shift < kernel.virt_base >> l3_span_shift;
        bool behind = start >> l3_span_shift > (layout.virt_end - 1) >> l3_span_shift;
        if (!before && !behind) return false;
        layout.p2m = take_unmapped(list_pages(), start);
        layout.p2m_table_count = tables_for(start, end);
        layout.p2m_tables = take_unmapped(layout.p2m_table_count.total());
        layout.first_p2m_pfn = layout.p2m.pfn;
        layout.nr_p2m_frames = layout.p2m.pages + layout.p2m_tables.pages;
        return true;
    }
};
}  // namespace

TableCount tables_for(u64 start, u64 end) {
    return {.l3 = spans(start, end, l3_span_shift), .l2 = spans(start, end, 30), .l1 = spans(start, end, 21)};
}

LayoutResult lay_out_dom0(ElfKernel const& kernel, LayoutRequest const& request) {
    Planner planner{kernel, request};
    Complaint error = planner.run();
    return {error, planner.layout};
}
}  // namespace hv::pv
