// SPDX-License-Identifier: MIT
#include "domain_layout.hpp"

#include <algorithm>

namespace paravane {
namespace {
constexpr std::uint64_t run_alignment = std::uint64_t{4} << 20;              // public/xen.h: the run ends on 4 MiB,
constexpr std::uint64_t run_slack = (std::uint64_t{512} << 10) / page_size;  // with 512 KiB free behind the stack
constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;

constexpr std::uint64_t present = 0x1;
constexpr std::uint64_t writable = 0x2;
constexpr std::uint64_t user = 0x4;
constexpr std::uint64_t accessed = 0x20;
constexpr std::uint64_t dirty = 0x40;
constexpr std::uint64_t table_flags = present | writable | user | accessed | dirty;

constexpr unsigned l1_shift = 12, l2_shift = 21, l3_shift = 30, l4_shift = 39;

std::uint64_t pages_for(std::uint64_t bytes) { return bytes / page_size + (bytes % page_size != 0); }
std::uint64_t slot(std::uint64_t address, unsigned shift) { return address >> shift & 511; }

// Consecutive addresses that show consecutive frames.
struct MappedRange {
    std::uint64_t address;
    PageRun frames;

    std::uint64_t last() const { return address + (frames.count * page_size - 1); }
    // How many pieces of 2^table_shift bytes it touches: one table each.
    std::uint64_t spans(unsigned table_shift) const { return (last() >> table_shift) - (address >> table_shift) + 1; }
    std::uint64_t l3_tables() const { return spans(l4_shift); }
    std::uint64_t l2_tables() const { return spans(l3_shift); }
    std::uint64_t l1_tables() const { return spans(l2_shift); }
    std::uint64_t tables() const { return l3_tables() + l2_tables() + l1_tables(); }
};

Error unusable(std::string why) { return Error{"", std::move(why), ENOEXEC}; }

std::string in_mebibytes(std::uint64_t pages) {
    return std::to_string((pages * page_size + mebibyte - 1) / mebibyte) + " MiB";
}

// Outside the hypervisor's part of the address space and of the hole in its middle.
bool is_for_guests(MappedRange const& range) {
    constexpr std::uint64_t lower_end = std::uint64_t{1} << 47;
    constexpr std::uint64_t upper_start = 0xffff'8800'0000'0000;
    return range.last() >= range.address && (range.last() < lower_end || range.address >= upper_start);
}

// The part of the run that does not depend on its own length, then tables and stack, which do.
struct Run {
    DomainLayout layout;
    std::uint64_t least_pages = 0;  // with the slack, without the alignment
};

Result<Run> lay_out_run(DomainLayout layout, std::uint64_t next_pfn) {
    layout.start_info_pfn = next_pfn++;
    layout.xenstore_pfn = next_pfn++;
    layout.console_pfn = next_pfn++;
    layout.tables = {next_pfn, 1};
    Run run{layout, 0};
    for (;;) {
        DomainLayout& now = run.layout;
        now.stack_pfn = now.tables.end();
        run.least_pages = now.stack_pfn + 1 + run_slack;
        std::uint64_t end = now.address_of(run.least_pages);
        end += (run_alignment - end % run_alignment) % run_alignment;
        now.mapped_pages = (end - now.virt_base) / page_size;
        MappedRange range{now.virt_base, {0, now.mapped_pages}};
        if (!is_for_guests(range)) {
            return unusable("the kernel's addresses do not belong to guests, or reach the end of the address space");
        }
        std::uint64_t tables = 1 + range.tables();
        if (tables == now.tables.count) return run;
        now.tables.count = tables;  // grows only, and by less than what it lets the run grow: this ends
    }
}

// Places the list of frames and its tables behind everything else, for kernels that name an address for it.
Result<> place_p2m(DomainLayout& layout, std::uint64_t address, std::uint64_t list_pages, std::uint64_t first_pfn) {
    MappedRange range{address, {first_pfn, list_pages}};
    MappedRange run{layout.virt_base, {0, layout.mapped_pages}};
    if (address % page_size != 0 || !is_for_guests(range)) return unusable("INIT_P2M is no usable address");
    if ((range.last() >> l4_shift) >= (run.address >> l4_shift) &&
        (run.last() >> l4_shift) >= (range.address >> l4_shift)) {
        return unusable("INIT_P2M lies within 512 GiB of the kernel");
    }
    layout.p2m = range.frames;
    layout.p2m_address = address;
    layout.p2m_tables = {range.frames.end(), range.tables()};
    return {};
}

class TableWriter {
public:
    TableWriter(DomainLayout const& layout, std::span<std::uint64_t const> p2m) : layout_{layout}, p2m_{p2m} {
        tables_.push_back({layout.tables.pfn, {}});
    }

    // Tables of one range come from `frames`: all L3, then all L2, then all L1.
    void map(MappedRange const& range, std::uint64_t first_frame) {
        std::size_t l3 = tables_.size();
        std::size_t l2 = l3 + range.l3_tables();
        std::size_t l1 = l2 + range.l2_tables();
        for (std::uint64_t i = 0; i < range.tables(); ++i) tables_.push_back({first_frame + i, {}});
        link(0, l3, range, l4_shift);
        link(l3, l2, range, l3_shift);
        link(l2, l1, range, l2_shift);
        for (std::uint64_t i = 0; i < range.frames.count; ++i) {
            std::uint64_t address = range.address + i * page_size;
            std::size_t table = l1 + ((address >> l2_shift) - (range.address >> l2_shift));
            tables_[table].entries[slot(address, l1_shift)] = leaf(range.frames.pfn + i);
        }
    }

    // Frames that were reserved for tables and are not needed hold empty ones.
    void fill_up_to(std::uint64_t pfn) {
        for (std::uint64_t next = tables_.front().pfn + tables_.size(); next < pfn; ++next)
            tables_.push_back({next, {}});
    }

    std::vector<PageTable> take() { return std::move(tables_); }

private:
    // Enters the tables from `child` on, one for each 2^shift bytes of the range, into those from `parent` on.
    void link(std::size_t parent, std::size_t child, MappedRange const& range, unsigned shift) {
        std::uint64_t first = range.address >> shift;
        for (std::uint64_t part = first; part <= range.last() >> shift; ++part, ++child) {
            std::size_t holder = shift == l4_shift ? parent : parent + ((part >> 9) - (first >> 9));
            tables_[holder].entries[part & 511] = p2m_[tables_[child].pfn] << l1_shift | table_flags;
        }
    }

    std::uint64_t leaf(std::uint64_t pfn) const {
        bool is_table = (pfn >= layout_.tables.pfn && pfn < layout_.tables.end()) ||
                        (pfn >= layout_.p2m_tables.pfn && pfn < layout_.p2m_tables.end());
        return p2m_[pfn] << l1_shift | (is_table ? table_flags & ~writable : table_flags);
    }

    DomainLayout const& layout_;
    std::span<std::uint64_t const> p2m_;
    std::vector<PageTable> tables_;
};
}  // namespace

Result<DomainLayout> lay_out_domain(KernelImage const& kernel, std::uint64_t pages, std::uint64_t initrd_size) {
    DomainLayout layout;
    layout.virt_base = kernel.virt_base;
    layout.pages = pages;
    if (kernel.virt_base % page_size != 0) return unusable("VIRT_BASE is not aligned to a page");
    layout.kernel.pfn = (kernel.start - kernel.virt_base) / page_size;
    layout.kernel.count = pages_for(kernel.end - kernel.virt_base) - layout.kernel.pfn;
    layout.initrd.count = pages_for(initrd_size);
    layout.initrd_mapped = layout.initrd.count != 0 && !kernel.initrd_by_frame;
    std::uint64_t list_pages = pages_for(pages * sizeof(std::uint64_t));

    std::uint64_t next = layout.kernel.end();
    if (layout.initrd_mapped) {
        layout.initrd.pfn = next;
        next += layout.initrd.count;
    }
    if (!kernel.p2m_base) {
        layout.p2m = {next, list_pages};
        layout.p2m_address = layout.address_of(next);
        next += list_pages;
    }
    constexpr std::uint64_t run_limit = (std::uint64_t{2} << 30) / page_size;
    if (next >= run_limit) return unusable("kernel and initrd do not fit into the kernel's last 2 GiB of addresses");
    Run run = TRY(lay_out_run(layout, next));
    layout = run.layout;

    // What is not mapped follows the run; when memory is short, the run gives up its padding first.
    std::uint64_t behind = layout.initrd_mapped ? 0 : layout.initrd.count;
    if (kernel.p2m_base) behind += list_pages + MappedRange{*kernel.p2m_base, {0, list_pages}}.tables();
    if (run.least_pages + behind > pages) {
        return Error{"",
                     in_mebibytes(pages) + " of memory are too little: kernel, initrd and page tables need " +
                         in_mebibytes(run.least_pages + behind) + " before the guest runs",
                     ENOMEM};
    }
    layout.mapped_pages = std::min(layout.mapped_pages, pages - behind);
    next = layout.mapped_pages;
    if (!layout.initrd_mapped && layout.initrd.count != 0) {
        layout.initrd.pfn = next;
        next += layout.initrd.count;
    }
    if (kernel.p2m_base) TRY(place_p2m(layout, *kernel.p2m_base, list_pages, next));
    return layout;
}

std::vector<PageTable> make_page_tables(DomainLayout const& layout, std::span<std::uint64_t const> p2m) {
    TableWriter writer{layout, p2m};
    writer.map({layout.virt_base, {0, layout.mapped_pages}}, layout.tables.pfn + 1);
    writer.fill_up_to(layout.tables.end());  // reserved for the padded run; a shortened one uses fewer
    if (layout.p2m_tables.count != 0) writer.map({layout.p2m_address, layout.p2m}, layout.p2m_tables.pfn);
    return writer.take();
}
}  // namespace paravane
