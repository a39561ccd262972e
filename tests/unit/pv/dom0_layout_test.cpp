// SPDX-License-Identifier: MIT

#include "core/pv/dom0_layout.hpp"
#include "core/mm/pte.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace {
using namespace hv;
using namespace hv::pv;

constexpr u64 virt_base = 0xffff'ffff'8000'0000;
constexpr u64 mib = 1 << 20;

// Debian's kernel of section 1.2 of the interface: 16 MiB to 74 MiB.
ElfKernel linux_kernel() {
    ElfKernel kernel{};
    kernel.virt_base = virt_base;
    kernel.start = virt_base + 16 * mib;
    kernel.end = virt_base + 74 * mib;
    kernel.entry = kernel.start;
    kernel.init_p2m = 0x80'0000'0000;
    kernel.initrd_by_pfn = true;
    return kernel;
}

void expect_consistent(ElfKernel const& kernel, LayoutRequest const& request, Dom0Layout const& layout) {
    std::vector<Region> regions;
    for (Region const& region :
         {layout.initrd, layout.p2m, layout.p2m_tables, layout.start_info, layout.page_tables, layout.stack})
        if (region.pages != 0) regions.push_back(region);
    std::sort(regions.begin(), regions.end(), [](Region const& a, Region const& b) { return a.pfn < b.pfn; });
    u64 next = pages_of(kernel.end - kernel.virt_base);
    for (Region const& region : regions) {
        EXPECT_GE(region.pfn, next);
        next = region.pfn + region.pages;
    }
    EXPECT_LE(next, layout.used_pages);
    EXPECT_LE(layout.used_pages, request.nr_pages);
    EXPECT_EQ(layout.virt_end % (4 * mib), 0u);
    EXPECT_GE(layout.virt_end, layout.stack_top() + 512 * 1024);
    EXPECT_EQ(layout.mapped_pages << page_shift, layout.virt_end - layout.virt_base);
    EXPECT_EQ(layout.page_tables.pages, 1 + layout.table_count.total());
    EXPECT_EQ(layout.table_count.l1, l1_index(0) + ((layout.virt_end - 1) >> 21) - (layout.virt_base >> 21) + 1);
    EXPECT_GE(layout.p2m.pages << page_shift, request.nr_pages * 8);
    for (Region const& region : {layout.start_info, layout.page_tables, layout.stack})
        EXPECT_EQ(region.address, layout.address_of(region.pfn));
    EXPECT_EQ(layout.initrd.pages, pages_of(request.initrd_bytes));
}

TEST(Dom0Layout, LaysOutLinuxAsItsPredecessorDid) {
    ElfKernel kernel = linux_kernel();
    LayoutRequest request{.nr_pages = 1024 * mib / page_size, .initrd_bytes = 5 * mib + 1};
    LayoutResult result = lay_out_dom0(kernel, request);
    ASSERT_TRUE(result) << result.error;
    Dom0Layout const& layout = result.layout;
    expect_consistent(kernel, request, layout);
    EXPECT_EQ(layout.start_info.address, 0xffff'ffff'84a0'0000);
    EXPECT_EQ(layout.page_tables.address, 0xffff'ffff'84a0'1000);
    EXPECT_EQ(layout.page_tables.pages, 0x29u);
    EXPECT_EQ(layout.stack.address, 0xffff'ffff'84a2'a000);
    EXPECT_EQ(layout.virt_end, 0xffff'ffff'84c0'0000);

    EXPECT_EQ(layout.initrd.address, 0u);
    EXPECT_EQ(layout.initrd.pfn, layout.mapped_pages);
    EXPECT_EQ(layout.p2m.address, 0x80'0000'0000);
    EXPECT_EQ(layout.p2m.pages, 512u);
    EXPECT_EQ(layout.p2m_table_count.l1, 1u);
    EXPECT_EQ(layout.nr_p2m_frames, 515u);
    EXPECT_EQ(layout.first_p2m_pfn, layout.initrd.pfn + layout.initrd.pages);
    EXPECT_EQ(layout.used_pages, layout.first_p2m_pfn + 515);
}

TEST(Dom0Layout, OldKernelsGetListAndInitrdMapped) {
    ElfKernel kernel = linux_kernel();
    kernel.init_p2m.reset();
    kernel.initrd_by_pfn = false;
    LayoutRequest request{.nr_pages = 131072, .initrd_bytes = 3 * mib};
    LayoutResult result = lay_out_dom0(kernel, request);
    ASSERT_TRUE(result);
    expect_consistent(kernel, request, result.layout);
    EXPECT_EQ(result.layout.initrd.address, kernel.end);
    EXPECT_EQ(result.layout.p2m.address, kernel.end + 3 * mib);
    EXPECT_EQ(result.layout.nr_p2m_frames, 0u);
    EXPECT_EQ(result.layout.used_pages, result.layout.mapped_pages);
}

TEST(Dom0Layout, SaysWhatDoesNotFit) {
    Complaint const no_room = "kernel and initrd do not fit into the kernel's address space";
    ElfKernel kernel = linux_kernel();
    EXPECT_STREQ(lay_out_dom0(kernel, {.nr_pages = 64 * mib / page_size}).error,
                 "dom0's memory is too small for its kernel and initrd");
    EXPECT_STREQ(lay_out_dom0(kernel, {.nr_pages = 65536, .initrd_bytes = ~u64{0}}).error,
                 "the initrd is larger than dom0's memory");
    EXPECT_STREQ(lay_out_dom0(kernel, {.nr_pages = ~u64{0}}).error, no_room);
    kernel.init_p2m = 0xffff'ff80'0000'0000;  // the kernel's own L4 slot
    EXPECT_STREQ(lay_out_dom0(kernel, {.nr_pages = 65536}).error,
                 "the list of frames would lie in the kernel's own address range");
    kernel.init_p2m = (u64{1} << 47) - page_size;
    EXPECT_STREQ(lay_out_dom0(kernel, {.nr_pages = 65536}).error, no_room);
    kernel = linux_kernel();
    kernel.initrd_by_pfn = false;  // 2 GiB less 74 MiB are left above the kernel
    EXPECT_STREQ(lay_out_dom0(kernel, {.nr_pages = 1 << 20, .initrd_bytes = u64{2048 - 75} * mib}).error, no_room);
}

TEST(Dom0Layout, CountsTables) {
    TableCount one = tables_for(virt_base, virt_base + 1);
    EXPECT_EQ(one.l3 + one.l2 + one.l1, 3u);
    TableCount crossing = tables_for(0x7f'ffff'f000, 0x80'0000'1000);
    EXPECT_EQ(crossing.l3, 2u);
    EXPECT_EQ(crossing.l2, 2u);
    EXPECT_EQ(crossing.l1, 2u);
    EXPECT_EQ(tables_for(0, u64{1} << 30).l1, 512u);
}

TEST(Dom0Layout, HoldsForRandomKernels) {
    std::mt19937_64 random{3};
    u64 laid_out = 0;
    for (int round = 0; round < 20000; ++round) {
        ElfKernel kernel{};
        kernel.virt_base = virt_base;
        kernel.start = virt_base + random() % (64 * mib);
        kernel.end = kernel.start + 1 + random() % (256 * mib);
        if (random() % 2) kernel.init_p2m = (random() % 200) << 39;
        kernel.initrd_by_pfn = random() % 2;
        LayoutRequest request{.nr_pages = random() % (1 << 20),
                              .initrd_bytes = random() % 2 ? random() % (512 * mib) : 0};
        LayoutResult result = lay_out_dom0(kernel, request);
        if (!result) continue;
        ++laid_out;
        expect_consistent(kernel, request, result.layout);
    }
    EXPECT_GT(laid_out, 1000u);
}
}  // namespace
