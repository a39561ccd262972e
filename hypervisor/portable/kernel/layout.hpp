// SPDX-License-Identifier: MIT
// What goes where in a domain's initial memory, decided before a byte of it is written. Everything from virt_base on is
// one mapped run of pfns from 0: unused low memory, the kernel, the initrd if it must be mapped, the list of frames if
// the kernel does not choose its place, start_info, the pages of the rings, page tables, stack, slack. Behind it,
// unmapped: the initrd, and the list of frames with the tables that map it at the kernel's chosen address.
#pragma once
#include "portable/kernel/image.hpp"

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
}  // namespace hv::pv
