// SPDX-License-Identifier: MIT
#include "dom0-tools/lib/domain_layout.hpp"

#include <gtest/gtest.h>

#include <map>
#include <numeric>
#include <set>

namespace {
using paravane::DomainLayout;
using paravane::KernelImage;
using paravane::lay_out_domain;
using paravane::make_page_tables;
using paravane::page_size;
using paravane::PageTable;
using paravane::Result;

constexpr std::uint64_t mebibyte = 1 << 20;
constexpr std::uint64_t first_frame = 0x12345;  // machine frames of the test's domain: pfn + this

// Debian's cloud kernel, roughly: 16 MiB to 64 MiB above VIRT_BASE.
KernelImage linux_kernel() {
    KernelImage kernel;
    kernel.virt_base = 0xffffffff80000000;
    kernel.start = kernel.virt_base + 16 * mebibyte;
    kernel.end = kernel.start + 48 * mebibyte - 0x800;
    kernel.entry = kernel.start;
    kernel.p2m_base = 0x8000000000;
    kernel.initrd_by_frame = true;
    return kernel;
}

KernelImage small_kernel() {
    KernelImage kernel;
    kernel.virt_base = 0xffffffff80000000;
    kernel.start = kernel.virt_base + mebibyte;
    kernel.end = kernel.start + 0x9000;
    kernel.entry = kernel.start;
    return kernel;
}

// The tables as the processor sees them: by machine frame.
class Walker {
public:
    Walker(DomainLayout const& layout, std::vector<PageTable> const& tables) {
        for (PageTable const& table : tables) {
            EXPECT_TRUE(tables_.emplace(table.pfn + first_frame, &table).second) << "two tables in one frame";
        }
        root_ = layout.tables.pfn + first_frame;
    }
    std::optional<std::uint64_t> entry(std::uint64_t address) const {
        std::uint64_t frame = root_;
        for (unsigned shift : {39u, 30u, 21u, 12u}) {
            auto table = tables_.find(frame);
            if (table == tables_.end()) return std::nullopt;
            std::uint64_t value = table->second->entries[address >> shift & 511];
            if ((value & 1) == 0) return std::nullopt;
            if (shift == 12) return value;
            frame = value >> 12;
        }
        return std::nullopt;
    }

private:
    std::map<std::uint64_t, PageTable const*> tables_;
    std::uint64_t root_;
};

std::vector<std::uint64_t> frames(std::uint64_t pages) {
    std::vector<std::uint64_t> p2m(pages);
    std::iota(p2m.begin(), p2m.end(), first_frame);
    return p2m;
}

// What holds for every layout.
void check(DomainLayout const& layout) {
    std::set<std::uint64_t> used;
    auto use = [&](std::uint64_t pfn, std::uint64_t count) {
        for (std::uint64_t i = 0; i < count; ++i)
            EXPECT_TRUE(used.insert(pfn + i).second) << "page used twice: " << pfn + i;
        EXPECT_LE(pfn + count, layout.pages);
    };
    use(layout.kernel.pfn, layout.kernel.count);
    use(layout.initrd.pfn, layout.initrd.count);
    use(layout.p2m.pfn, layout.p2m.count);
    use(layout.p2m_tables.pfn, layout.p2m_tables.count);
    use(layout.start_info_pfn, 1);
    use(layout.xenstore_pfn, 1);
    use(layout.console_pfn, 1);
    use(layout.tables.pfn, layout.tables.count);
    use(layout.stack_pfn, 1);
    EXPECT_GE((layout.mapped_pages - layout.stack_pfn - 1) * page_size, 512u << 10) << "slack behind the stack";

    std::vector<PageTable> tables = make_page_tables(layout, frames(layout.pages));
    EXPECT_EQ(tables.size(), layout.tables.count + layout.p2m_tables.count);
    Walker walker{layout, tables};
    for (std::uint64_t pfn = 0; pfn < layout.mapped_pages; ++pfn) {
        std::optional<std::uint64_t> entry = walker.entry(layout.address_of(pfn));
        ASSERT_TRUE(entry) << "pfn " << pfn << " is not mapped";
        EXPECT_EQ(*entry >> 12 & 0xffffffffff, pfn + first_frame);
        bool is_table = pfn >= layout.tables.pfn && pfn < layout.tables.end();
        EXPECT_EQ((*entry & 2) != 0, !is_table) << "pfn " << pfn;
    }
    EXPECT_FALSE(walker.entry(layout.address_of(layout.mapped_pages)));
    for (std::uint64_t i = 0; i < layout.p2m.count; ++i) {
        std::optional<std::uint64_t> entry = walker.entry(layout.p2m_address + i * page_size);
        ASSERT_TRUE(entry);
        EXPECT_EQ(*entry >> 12 & 0xffffffffff, layout.p2m.pfn + i + first_frame);
        EXPECT_NE(*entry & 2, 0u);
    }
}

TEST(DomainLayout, LinuxGetsItsListAtTheAddressItNames) {
    Result<DomainLayout> layout = lay_out_domain(linux_kernel(), 32768, 5 * mebibyte + 1);
    ASSERT_TRUE(layout) << layout.error().message();
    check(*layout);
    EXPECT_EQ(layout->mapped_pages * page_size % (4 * mebibyte), 0u);
    EXPECT_EQ(layout->initrd.count, 1281u);
    EXPECT_FALSE(layout->initrd_mapped);
    EXPECT_GE(layout->initrd.pfn, layout->mapped_pages);
    EXPECT_EQ(layout->p2m_address, 0x8000000000);
    EXPECT_EQ(layout->p2m.count, 64u);
    EXPECT_EQ(layout->p2m_tables.count, 3u);
    EXPECT_EQ(layout->p2m_tables.pfn, layout->p2m.end()) << "list and tables are one run of frames";
}

TEST(DomainLayout, KernelWithoutWishesGetsEverythingMapped) {
    Result<DomainLayout> layout = lay_out_domain(small_kernel(), 4096, 100'000);
    ASSERT_TRUE(layout) << layout.error().message();
    check(*layout);
    EXPECT_TRUE(layout->initrd_mapped);
    EXPECT_EQ(layout->p2m_tables.count, 0u);
    EXPECT_EQ(layout->p2m_address, layout->address_of(layout->p2m.pfn));
}

TEST(DomainLayout, FourMebibytesAreEnoughForASmallGuest) {
    Result<DomainLayout> layout = lay_out_domain(small_kernel(), 1024, 0);
    ASSERT_TRUE(layout) << layout.error().message();
    check(*layout);
    EXPECT_EQ(layout->mapped_pages, 1024u);
}

TEST(DomainLayout, PaddingGivesWayWhenMemoryIsShort) {
    KernelImage kernel = linux_kernel();
    Result<DomainLayout> padded = lay_out_domain(kernel, 32768, 0);
    ASSERT_TRUE(padded);
    std::uint64_t least = 1;
    while (!lay_out_domain(kernel, least, 0)) ++least;
    Result<DomainLayout> tight = lay_out_domain(kernel, least, 0);
    ASSERT_TRUE(tight);
    check(*tight);
    EXPECT_LT(tight->mapped_pages, padded->mapped_pages);
}

TEST(DomainLayout, TooLittleMemorySaysHowMuchWouldDo) {
    Result<DomainLayout> layout = lay_out_domain(linux_kernel(), 8192, 5 * mebibyte);
    ASSERT_FALSE(layout);
    EXPECT_EQ(layout.error().code, ENOMEM);
    EXPECT_NE(layout.error().message().find("32 MiB of memory are too little"), std::string::npos)
        << layout.error().message();
}

TEST(DomainLayout, LargeDomainNeedsMoreTables) {
    Result<DomainLayout> layout = lay_out_domain(linux_kernel(), std::uint64_t{1} << 20, 0);  // 4 GiB
    ASSERT_TRUE(layout);
    check(*layout);
    EXPECT_EQ(layout->p2m.count, 2048u);
    EXPECT_EQ(layout->p2m_tables.count, 4u + 1u + 1u);
}

TEST(DomainLayout, AddressesThatAreNotTheGuestsAreRefused) {
    KernelImage kernel = linux_kernel();
    for (std::uint64_t address :
         std::initializer_list<std::uint64_t>{0xffff800000000000, 0xffff87fffffff000, 0x0000800000000000,
                                              0xffffffff00000000, 0xffffffffffffffff, 0x8000000001}) {
        kernel.p2m_base = address;
        EXPECT_FALSE(lay_out_domain(kernel, 32768, 0)) << std::hex << address;
    }
    kernel = small_kernel();
    kernel.virt_base += 0x800;
    EXPECT_FALSE(lay_out_domain(kernel, 32768, 0));
    kernel = small_kernel();
    std::uint64_t down = kernel.virt_base - 0xffff800000000000;
    kernel.virt_base -= down;
    kernel.start -= down;
    kernel.end -= down;
    EXPECT_FALSE(lay_out_domain(kernel, 32768, 0)) << "the hypervisor's own addresses";
}

TEST(DomainLayout, EndOfTheAddressSpaceIsNotCrossed) {
    KernelImage kernel = small_kernel();
    kernel.virt_base = 0xffffffffffe00000;
    kernel.start = kernel.virt_base;
    kernel.end = kernel.start + 0x9000;
    EXPECT_FALSE(lay_out_domain(kernel, 32768, 8 * mebibyte));
}
}  // namespace
