// SPDX-License-Identifier: MIT
#include "boot_memory.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace {
using namespace hv;
using namespace hv::pv;
using test::linux_kernel;
using test::mib;
using test::small_kernel;
using test::virt_base;

constexpr u64 slack = 512 * 1024 / page_size;
constexpr auto both_roles = {KernelRole::dom0, KernelRole::guest};

// What holds for every layout: nothing lies in the same place as another, and all of it in the domain's memory.
void expect_consistent(KernelImage const& image, LayoutRequest const& request, BootLayout const& layout) {
    std::vector<Region> regions{layout.kernel, {layout.start_info_pfn, 1}, layout.tables, {layout.stack_pfn, 1}};
    if (image.role == KernelRole::guest)
        regions.insert(regions.end(), {{layout.xenstore_pfn, 1}, {layout.console_pfn, 1}});
    for (Region const& region : regions) EXPECT_LE(region.end(), layout.mapped_pages);
    for (Region const& region : {layout.initrd, layout.p2m, layout.p2m_tables})
        if (region.pages) regions.push_back(region);
    std::ranges::sort(regions, {}, &Region::pfn);
    for (usize i = 1; i < regions.size(); ++i) EXPECT_GE(regions[i].pfn, regions[i - 1].end());
    EXPECT_EQ(regions.front().pfn, (image.start - image.virt_base) / page_size);
    EXPECT_LE(regions.back().end(), layout.used_pages);
    EXPECT_LE(layout.mapped_pages, layout.used_pages);
    EXPECT_LE(layout.used_pages, request.pages);
    EXPECT_GE(layout.mapped_pages, layout.stack_pfn + 1 + slack);
    EXPECT_EQ(layout.tables.pages, 1 + tables_for(layout.virt_base, layout.mapped_pages * page_size).total());
    EXPECT_EQ(layout.initrd.pages, pages_of(request.initrd_bytes));
    EXPECT_EQ(layout.p2m.pages, pages_of(request.pages * 8));
    EXPECT_EQ(layout.p2m_tables.pages != 0, image.init_p2m.has_value());
}

TEST(BootLayout, LaysOutDom0AsItsPredecessorDid) {
    KernelImage image = linux_kernel(KernelRole::dom0);
    LayoutRequest request{.pages = 1024 * mib / page_size, .initrd_bytes = 5 * mib + 1};
    LayoutResult result = lay_out(image, request);
    ASSERT_TRUE(result) << result.error;
    BootLayout const& layout = result.layout;
    expect_consistent(image, request, layout);
    EXPECT_EQ(layout.address_of(layout.start_info_pfn), 0xffff'ffff'84a0'0000);
    EXPECT_EQ(layout.address_of(layout.tables.pfn), 0xffff'ffff'84a0'1000);
    EXPECT_EQ(layout.tables.pages, 0x29u);
    EXPECT_EQ(layout.address_of(layout.stack_pfn), 0xffff'ffff'84a2'a000);
    EXPECT_EQ(layout.address_of(layout.mapped_pages), 0xffff'ffff'84c0'0000);

    EXPECT_EQ(layout.initrd.pfn, layout.mapped_pages);
    EXPECT_EQ(layout.p2m_address, 0x80'0000'0000);
    EXPECT_EQ(layout.p2m.pages, 512u);
    EXPECT_EQ(layout.p2m.pfn, layout.initrd.end());
    EXPECT_EQ(layout.p2m_tables.pfn, layout.p2m.end());
    EXPECT_EQ(layout.p2m_tables.pages, 3u);
    EXPECT_EQ(layout.used_pages, layout.p2m_tables.end());
}

TEST(BootLayout, GuestsGetTwoPagesForTheirRings) {
    KernelImage image = linux_kernel(KernelRole::guest);
    LayoutRequest request{.pages = 32768, .initrd_bytes = 5 * mib + 1};
    LayoutResult result = lay_out(image, request);
    ASSERT_TRUE(result) << result.error;
    expect_consistent(image, request, result.layout);
    EXPECT_EQ(result.layout.xenstore_pfn, result.layout.start_info_pfn + 1);
    EXPECT_EQ(result.layout.console_pfn, result.layout.start_info_pfn + 2);
}

TEST(BootLayout, OldKernelsGetListAndInitrdMapped) {
    for (KernelRole role : both_roles) {
        KernelImage image = linux_kernel(role);
        image.init_p2m.reset();
        image.initrd_by_pfn = false;
        LayoutRequest request{.pages = 131072, .initrd_bytes = 3 * mib};
        LayoutResult result = lay_out(image, request);
        ASSERT_TRUE(result) << result.error;
        expect_consistent(image, request, result.layout);
        EXPECT_EQ(result.layout.initrd.pfn, result.layout.kernel.end());
        EXPECT_EQ(result.layout.p2m.pfn, result.layout.initrd.end());
        EXPECT_EQ(result.layout.p2m_address, result.layout.address_of(result.layout.p2m.pfn));
        EXPECT_EQ(result.layout.used_pages, result.layout.mapped_pages);
    }
}

TEST(BootLayout, FourMebibytesAreEnoughForASmallGuest) {
    LayoutResult result = lay_out(small_kernel(), {.pages = 1024});
    ASSERT_TRUE(result) << result.error;
    expect_consistent(small_kernel(), {.pages = 1024}, result.layout);
    EXPECT_EQ(result.layout.mapped_pages, 1024u);
}

TEST(BootLayout, RunEndsOnFourMebibytesUnlessMemoryIsShort) {
    for (KernelRole role : both_roles) {
        KernelImage image = linux_kernel(role);
        LayoutResult padded = lay_out(image, {.pages = 32768});
        ASSERT_TRUE(padded);
        EXPECT_EQ(padded.layout.mapped_pages * page_size % (4 * mib), 0u);
        LayoutResult nothing = lay_out(image, {.pages = 100});
        ASSERT_FALSE(nothing);
        u64 pages = nothing.least_pages;  // without the list of frames of so many
        while (!lay_out(image, {.pages = pages})) pages = lay_out(image, {.pages = pages}).least_pages;
        LayoutResult tight = lay_out(image, {.pages = pages});
        expect_consistent(image, {.pages = pages}, tight.layout);
        EXPECT_LT(tight.layout.mapped_pages, padded.layout.mapped_pages);
        EXPECT_FALSE(lay_out(image, {.pages = pages - 1}));
    }
}

TEST(BootLayout, SaysWhatDoesNotFit) {
    std::string_view const no_room = "it and its initrd do not fit into its address space";
    std::string_view const too_little = "there is too little memory for it, its initrd and page tables";
    KernelImage image = linux_kernel(KernelRole::dom0);
    LayoutResult result = lay_out(image, {.pages = 64 * mib / page_size});
    EXPECT_EQ(result.error, too_little);
    EXPECT_GT(result.least_pages, 74 * mib / page_size);
    result = lay_out(image, {.pages = 65536, .initrd_bytes = ~u64{0}});
    EXPECT_EQ(result.error, too_little);
    result = lay_out(image, {.pages = ~u64{0}});
    EXPECT_EQ(result.error, no_room);
    EXPECT_EQ(result.least_pages, 0u);
    image.init_p2m = 0xffff'ff80'0000'0000;  // the kernel's own L4 slot
    result = lay_out(image, {.pages = 65536});
    EXPECT_STREQ(result.error, "the list of frames would lie in its own address range");
    EXPECT_EQ(result.least_pages, 0u);
    for (u64 end_of_half : {u64{1} << 47, u64{0}}) {
        image.init_p2m = end_of_half - page_size;
        EXPECT_EQ(lay_out(image, {.pages = 65536}).error, no_room);
    }
    image = linux_kernel(KernelRole::guest);
    image.initrd_by_pfn = false;  // 2 GiB less 74 MiB are left above the kernel
    EXPECT_EQ(lay_out(image, {.pages = 1 << 20, .initrd_bytes = u64{2048 - 75} * mib}).error, no_room);
    EXPECT_EQ(lay_out(image, {.pages = 65536, .initrd_bytes = ~u64{0}}).error, no_room);
    image = small_kernel();
    image.virt_base = 0xffff'ffff'ffe0'0000;
    image.start = image.virt_base;
    image.end = image.start + 0x9000;
    EXPECT_EQ(lay_out(image, {.pages = 32768, .initrd_bytes = 8 * mib}).error, no_room);
}

TEST(BootLayout, CountsTables) {
    EXPECT_EQ(tables_for(virt_base, 1).total(), 3u);
    TableCount const crossing = tables_for(0x7f'ffff'f000, 0x2000);
    EXPECT_EQ(crossing.l3, 2u);
    EXPECT_EQ(crossing.l2, 2u);
    EXPECT_EQ(crossing.l1, 2u);
    EXPECT_EQ(tables_for(0, u64{1} << 30).l1, 512u);
}

TEST(BootLayout, HoldsForRandomKernels) {
    std::mt19937_64 random{3};
    u64 laid_out = 0;
    for (int round = 0; round < 20000; ++round) {
        KernelImage image{};
        image.role = random() % 2 ? KernelRole::dom0 : KernelRole::guest;
        image.virt_base = virt_base;
        image.start = virt_base + random() % (64 * mib);
        image.end = image.start + 1 + random() % (256 * mib);
        if (random() % 2) image.init_p2m = (random() % 200) << 39;
        image.initrd_by_pfn = random() % 2;
        LayoutRequest request{.pages = random() % (1 << 20), .initrd_bytes = random() % 2 ? random() % (512 * mib) : 0};
        LayoutResult result = lay_out(image, request);
        EXPECT_EQ(result.least_pages > request.pages, result.error && result.least_pages);
        if (!result) continue;
        ++laid_out;
        expect_consistent(image, request, result.layout);
    }
    EXPECT_GT(laid_out, 1000u);
}
}  // namespace
