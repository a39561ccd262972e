// SPDX-License-Identifier: MIT
#include "core/pv/dom0_layout.hpp"
#include "core/mm/pte.hpp"

namespace hv::pv {
namespace {
constexpr u64 end_alignment = u64{4} << 20;
constexpr u64 least_slack = u64{512} << 10;  // behind the boot stack; Linux's early allocations live there
constexpr u64 most_pages = u64{1} << 32;     // frames are numbered with 32 bits
constexpr u64 l1_span_shift = 21;
constexpr u64 l2_span_shift = 30;
constexpr u64 l3_span_shift = 39;

u64 spans(u64 start, u64 end, u64 shift) { return ((end - 1) >> shift) - (start >> shift) + 1; }

// The first address behind the half of the address space that `start` lies in; 0 stands for 2^64.
u64 end_of_half(u64 start) { return start < hypervisor_start ? u64{1} << 47 : 0; }
bool fits(u64 start, u64 bytes) { return bytes <= end_of_half(start) - start - 1; }

class Planner {
public:
    Planner(ElfKernel const& kernel, LayoutRequest const& request) : kernel_{kernel}, request_{request} {
        layout_.virt_base = kernel.virt_base;
        layout_.initrd_by_pfn = kernel.initrd_by_pfn;
    }

    LayoutResult run() {
        if (request_.nr_pages > most_pages) return fail(LayoutError::address_space_full);
        if (request_.initrd_bytes >> page_shift >= request_.nr_pages) return fail(LayoutError::initrd_too_big);
        LayoutError error = plan_mapped_run();
        if (error == LayoutError::none) error = plan_unmapped();
        if (error == LayoutError::none && layout_.used_pages > request_.nr_pages)
            error = LayoutError::too_little_memory;
        return {error, layout_};
    }

private:
    static LayoutResult fail(LayoutError error) { return {error, {}}; }

    u64 list_pages() const { return pages_of(request_.nr_pages * sizeof(u64)); }

    Region take(u64 pages) {
        Region region{.pfn = next_pfn_, .pages = pages, .address = layout_.address_of(next_pfn_)};
        next_pfn_ += pages;
        return region;
    }

    LayoutError plan_mapped_run() {
        next_pfn_ = pages_of(kernel_.end - kernel_.virt_base);
        if (request_.initrd_bytes != 0 && !kernel_.initrd_by_pfn)
            layout_.initrd = take(pages_of(request_.initrd_bytes));
        if (!kernel_.init_p2m) layout_.p2m = take(list_pages());
        layout_.start_info = take(1);

        // The tables map themselves, so their number depends on itself; it only grows, and ends with memory.
        u64 tables = 1;
        for (;;) {
            u64 bytes = ((next_pfn_ + tables + 1) << page_shift) + least_slack;
            if (!fits(kernel_.virt_base, bytes + end_alignment)) return LayoutError::address_space_full;
            layout_.virt_end = round_up(kernel_.virt_base + bytes, end_alignment);
            layout_.table_count = tables_for(kernel_.virt_base, layout_.virt_end);
            u64 needed = 1 + layout_.table_count.total();
            if (needed == tables) break;
            tables = needed;
        }
        layout_.page_tables = take(tables);
        layout_.stack = take(1);
        layout_.mapped_pages = (layout_.virt_end - kernel_.virt_base) >> page_shift;
        next_pfn_ = layout_.mapped_pages;
        return LayoutError::none;
    }

    LayoutError plan_unmapped() {
        if (request_.initrd_bytes != 0 && kernel_.initrd_by_pfn) {
            layout_.initrd = take(pages_of(request_.initrd_bytes));
            layout_.initrd.address = 0;
        }
        if (kernel_.init_p2m) {
            u64 start = *kernel_.init_p2m;
            u64 bytes = list_pages() << page_shift;
            if (!fits(start, bytes)) return LayoutError::address_space_full;
            u64 end = start + bytes;
            // Tables below the root belong to one of the two alone.
            bool before = (end - 1) >> l3_span_shift < kernel_.virt_base >> l3_span_shift;
            bool behind = start >> l3_span_shift > (layout_.virt_end - 1) >> l3_span_shift;
            if (!before && !behind) return LayoutError::p2m_overlaps_kernel;
            layout_.p2m = take(list_pages());
            layout_.p2m.address = start;
            layout_.p2m_table_count = tables_for(start, end);
            layout_.p2m_tables = take(layout_.p2m_table_count.total());
            layout_.p2m_tables.address = 0;
            layout_.first_p2m_pfn = layout_.p2m.pfn;
            layout_.nr_p2m_frames = layout_.p2m.pages + layout_.p2m_tables.pages;
        }
        layout_.used_pages = next_pfn_;
        return LayoutError::none;
    }

    ElfKernel const& kernel_;
    LayoutRequest const& request_;
    Dom0Layout layout_{};
    u64 next_pfn_ = 0;
};
}  // namespace

TableCount tables_for(u64 start, u64 end) {
    return {.l3 = spans(start, end, l3_span_shift),
            .l2 = spans(start, end, l2_span_shift),
            .l1 = spans(start, end, l1_span_shift)};
}

LayoutResult lay_out_dom0(ElfKernel const& kernel, LayoutRequest const& request) {
    return Planner{kernel, request}.run();
}

char const* describe(LayoutError error) {
    switch (error) {
        case LayoutError::none: return "no error";
        case LayoutError::too_little_memory: return "dom0's memory is too small for its kernel and initrd";
        case LayoutError::address_space_full: return "kernel and initrd do not fit into the kernel's address space";
        case LayoutError::p2m_overlaps_kernel: return "the list of frames would lie in the kernel's own address range";
        case LayoutError::initrd_too_big: return "the initrd is larger than dom0's memory";
    }
    return "unknown error";
}
}  // namespace hv::pv
