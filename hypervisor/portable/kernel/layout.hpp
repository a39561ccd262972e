// SPDX-License-Identifier: MIT
// What goes where in a domain's initial memory, decided before a byte of it is written. Everything from virt_base on is
// one mapped run of pfns from 0: unused low memory, the kernel, the initrd if it must be mapped, the list of frames if
// the kernel does not choose its place, start_info, the pages of the rings, page tables, stack, slack. Behind it,
// unmapped: the initrd, and the list of frames with the tables that map it at the kernel's chosen address.
#pragma once
#include <algorithm>
#include "portable/base/pte.hpp"
#include "portable/kernel/image.hpp"
#include "public/start_info.hpp"
#include "public/vcpu.hpp"

namespace hv::pv {
struct LayoutRequest {
    u64 pages = 0;  // all that the domain gets
    u64 initrd_bytes = 0;
};

// A run of pfns.
struct Region {
    u64 pfn = 0;
    u64 pages = 0;

    u64 end() const { return pfn + pages; }
    bool has(u64 other) const { return other - pfn < pages; }
};

// Tables that map a range: how many of each level under one root, the root itself not counted.
struct TableCount {
    u64 l3 = 0, l2 = 0, l1 = 0;

    u64 total() const { return l3 + l2 + l1; }
};
TableCount tables_for(u64 start, u64 bytes);  // neither zero bytes nor beyond the end of the address space

struct BootLayout {
    u64 virt_base = 0;
    u64 pages = 0;
    u64 mapped_pages = 0;  // pfns below are mapped from virt_base on, each by an entry of its own
    Region kernel{};       // without the unused memory below it
    Region initrd{};
    bool initrd_by_pfn = false;
    Region p2m{};  // the list of frames, u64 each, whole pages
    u64 p2m_address = 0;
    Region p2m_tables{};  // of the list: l3s, l2s, l1s; empty if it lies inside the run
    Region tables{};      // of the run: the root first, then l3s, l2s, l1s
    u64 start_info_pfn = 0;
    u64 xenstore_pfn = 0;  // for all but dom0
    u64 console_pfn = 0;
    u64 stack_pfn = 0;
    u64 used_pages = 0;  // pfns below this have a use; the rest is free memory

    u64 address_of(u64 pfn) const { return virt_base + (pfn << page_shift); }
    u64 stack_top() const { return address_of(stack_pfn + 1); }
    bool is_table(u64 pfn) const { return tables.has(pfn) || p2m_tables.has(pfn); }
};

struct LayoutResult {
    Complaint error = nullptr;
    u64 least_pages = 0;  // with which it would fit; 0 if no memory would do
    BootLayout layout{};

    explicit operator bool() const { return !error; }
};

// Of a kernel that parse_kernel let pass.
LayoutResult lay_out(KernelImage const& image, LayoutRequest const& request);

// What stands there: the kernel, page tables, the list of frames, start_info, and in vCPU 0's registers. A builder asks
// for one page after the other and says which frame a pfn has, `mfn_of(pfn)`; how it reaches the domain's memory is its
// own business.
using PageWords = std::span<u64, page_size / sizeof(u64)>;

struct TableContents {
    // Consecutive entries that show consecutive pfns.
    struct Run {
        u64 slot = 0;
        u64 count = 0;
        u64 pfn = 0;
    };
    std::array<Run, 2> runs{};  // only a root has two: the mapped run, and the list of frames if that lies elsewhere
    bool is_l1 = false;
};
TableContents table_contents(BootLayout const& layout, u64 table_pfn);

template <class F>
void fill_table(BootLayout const& layout, u64 pfn, PageWords page, F&& mfn_of) {
    constexpr u64 flags = Pte::present | Pte::writable | Pte::user | Pte::accessed | Pte::dirty;
    std::ranges::fill(page, u64{0});
    TableContents const contents = table_contents(layout, pfn);
    for (TableContents::Run const& run : contents.runs) {
        for (u64 i = 0; i < run.count; ++i) {
            bool const read_only = contents.is_l1 && layout.is_table(run.pfn + i);  // the hypervisor takes no others
            u64 const mapped_as = read_only ? flags & ~Pte::writable : flags;
            page[run.slot + i] = Pte::make(mfn_of(run.pfn + i), mapped_as).raw;
        }
    }
}

// Entries behind the domain's last page are invalid.
template <class F>
void fill_list_page(BootLayout const& layout, u64 pfn, PageWords page, F&& mfn_of) {
    u64 const first = (pfn - layout.p2m.pfn) * page.size();
    for (u64 i = 0; i < page.size(); ++i) page[i] = first + i < layout.pages ? mfn_of(first + i).value : ~u64{0};
}

// Any page but those of initrd and start_info. What neither is filled here nor there is to be zero, this page too at
// first.
template <class F>
void fill_page(KernelImage const& image, KernelFile file, BootLayout const& layout, u64 pfn, void* page, F&& mfn_of) {
    PageWords const words{static_cast<u64*>(page), page_size / sizeof(u64)};
    if (layout.kernel.has(pfn)) copy_from_image(image, file, layout.address_of(pfn), std::as_writable_bytes(words));
    if (layout.p2m.has(pfn)) fill_list_page(layout, pfn, words, mfn_of);
    if (layout.is_table(pfn)) fill_table(layout, pfn, words, mfn_of);
}

// What the layout does not say. Frames and ports of the rings are for the caller to enter.
struct StartFacts {
    Maddr shared_info{};
    u64 initrd_bytes = 0;
    std::string_view command_line{};
};
// False if the command line was too long and is cut off.
bool fill_start_info(abi::StartInfo& info, KernelImage const& image, BootLayout const& layout, StartFacts const& facts);

// Of a context that is zero.
void fill_context(abi::VcpuGuestContext& context, KernelImage const& image, BootLayout const& layout, Mfn root);
}  // namespace hv::pv
