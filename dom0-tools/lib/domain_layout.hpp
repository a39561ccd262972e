// SPDX-License-Identifier: MIT
// Where everything of a new PV domain goes, decided before a byte is written: the mapped run of pages from VIRT_BASE
// (kernel, start_info, ring pages, page tables, boot stack), and behind it the pages a kernel takes by frame number.
// Pure arithmetic; the page tables come out as arrays that the builder copies into the domain.
#pragma once
#include "error.hpp"
#include "kernel_image.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace paravane {
// `count` pages from frame `pfn` of the domain on.
struct PageRun {
    std::uint64_t pfn = 0;
    std::uint64_t count = 0;

    std::uint64_t end() const { return pfn + count; }
};

struct DomainLayout {
    std::uint64_t virt_base = 0;
    std::uint64_t pages = 0;         // all of the domain's
    std::uint64_t mapped_pages = 0;  // frames 0 to here are mapped from virt_base on
    PageRun kernel;
    PageRun initrd;  // count 0: none
    bool initrd_mapped = false;
    PageRun p2m;         // the list of frames: u64 each
    PageRun p2m_tables;  // L3, L2, L1 of its own mapping; count 0 when the list lies in the mapped run
    std::uint64_t p2m_address = 0;
    std::uint64_t start_info_pfn = 0;
    std::uint64_t xenstore_pfn = 0;
    std::uint64_t console_pfn = 0;
    PageRun tables;  // L4 first, then L3, L2, L1
    std::uint64_t stack_pfn = 0;

    std::uint64_t address_of(std::uint64_t pfn) const { return virt_base + pfn * page_size; }
    std::uint64_t stack_top() const { return address_of(stack_pfn + 1); }
};

// Errors (ENOMEM) say how much memory would do.
Result<DomainLayout> lay_out_domain(KernelImage const& kernel, std::uint64_t pages, std::uint64_t initrd_size);

struct PageTable {
    std::uint64_t pfn;
    std::array<std::uint64_t, 512> entries;
};

// All page tables, L4 first. `p2m[pfn]` is the machine frame of each of the domain's pages.
// Tables are read-only in them: the hypervisor accepts no others.
std::vector<PageTable> make_page_tables(DomainLayout const& layout, std::span<std::uint64_t const> p2m);
}  // namespace paravane
