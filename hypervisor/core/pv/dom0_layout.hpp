// SPDX-License-Identifier: MIT
// What goes where in dom0's initial memory, decided before a byte of it is written. Everything from virt_base to
// virt_end is one run of pfns from 0: unused low memory, the kernel, the initrd if it must be mapped, the list of
// frames if the kernel does not choose its place, start_info, page tables, stack, slack. Behind it, unmapped: the
// initrd, and the list of frames with the tables that map it at the kernel's chosen address.
#pragma once
#include "core/pv/elf.hpp"

namespace hv::pv {
struct LayoutRequest {
    u64 nr_pages = 0;  // all that dom0 gets
    u64 initrd_bytes = 0;
};

// A run of pfns; `address` is 0 if it is not mapped.
struct Region {
    u64 pfn = 0;
    u64 pages = 0;
    u64 address = 0;
};

// Tables that map a range: how many of each level under one root, the root itself not counted.
struct TableCount {
    u64 l3 = 0, l2 = 0, l1 = 0;

    u64 total() const { return l3 + l2 + l1; }
};
TableCount tables_for(u64 start, u64 end);  // end exclusive, start < end

struct Dom0Layout {
    u64 virt_base = 0;
    u64 virt_end = 0;      // of the mapped run, a multiple of 4 MiB
    u64 mapped_pages = 0;  // (virt_end - virt_base) / page size, all at 4 KiB
    Region initrd{};
    bool initrd_by_pfn = false;
    Region p2m{};         // the list of frames, whole pages
    Region p2m_tables{};  // frames of the tables of the list: l3s, l2s, l1s; empty if it lies inside the run
    TableCount p2m_table_count{};
    Region start_info{};
    Region page_tables{};  // the root first, then l3s, l2s, l1s
    TableCount table_count{};
    Region stack{};
    u64 first_p2m_pfn = 0;  // list and tables together, as start_info reports them; 0 if inside the run
    u64 nr_p2m_frames = 0;
    u64 used_pages = 0;  // pfns below this have a use; the rest is free memory

    u64 address_of(u64 pfn) const { return virt_base + (pfn << page_shift); }
    u64 stack_top() const { return stack.address + (stack.pages << page_shift); }
};

struct LayoutResult {
    Complaint error = nullptr;
    Dom0Layout layout{};

    explicit operator bool() const { return !error; }
};

LayoutResult lay_out_dom0(ElfKernel const& kernel, LayoutRequest const& request);
}  // namespace hv::pv
