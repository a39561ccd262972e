// SPDX-License-Identifier: MIT
#include "boot_memory.hpp"

#include <gtest/gtest.h>

#include <memory>

namespace {
using namespace hv;
using namespace hv::pv;
using test::frame_of;
using test::linux_kernel;
using test::mib;
using test::small_kernel;

BootLayout lay_out_or_throw(KernelImage const& image, LayoutRequest const& request) {
    LayoutResult const result = lay_out(image, request);
    if (!result) throw std::runtime_error{result.error};
    return result.layout;
}

// Every page of the run and of the list is mapped where it belongs, and nothing else is; tables are read-only.
void expect_mapped(BootLayout const& layout) {
    test::Tables tables{layout};
    auto expect = [&](u64 address, u64 pfn) {
        Pte const entry{tables.entry(address)};
        ASSERT_TRUE(entry.is_present()) << "pfn " << pfn << " at " << std::hex << address;
        EXPECT_EQ(entry.mfn(), frame_of(pfn));
        EXPECT_EQ(entry.is_writable(), !layout.tables.has(pfn) && !layout.p2m_tables.has(pfn)) << pfn;
    };
    for (u64 pfn = 0; pfn < layout.mapped_pages; ++pfn) expect(layout.address_of(pfn), pfn);
    u64 mapped = layout.mapped_pages;
    u64 table_count = layout.tables.pages - 1;
    if (layout.p2m_tables.pages != 0) {
        for (u64 i = 0; i < layout.p2m.pages; ++i) expect(layout.p2m_address + i * page_size, layout.p2m.pfn + i);
        mapped += layout.p2m.pages;
        table_count += layout.p2m_tables.pages;
    }
    EXPECT_EQ(tables.faults, 0u);
    EXPECT_EQ(tables.count_present(), mapped + table_count);
}

TEST(BootContents, TablesMapTheRunAndTheList) {
    for (KernelRole role : {KernelRole::dom0, KernelRole::guest}) {
        expect_mapped(lay_out_or_throw(linux_kernel(role), {.pages = 32768, .initrd_bytes = 5 * mib + 1}));
        expect_mapped(lay_out_or_throw(linux_kernel(role), {.pages = 1 << 20}));
    }
    expect_mapped(lay_out_or_throw(small_kernel(), {.pages = 1024}));
    KernelImage image = small_kernel();  // across a border of each level
    image.virt_base = 0x7f'ffc0'0000;
    image.start = image.virt_base + mib;
    image.end = image.start + 8 * mib;
    image.init_p2m = (u64{9} << 39) - 2 * page_size;
    expect_mapped(lay_out_or_throw(image, {.pages = 8192}));
    image.virt_base = 0xffff'8800'0000'0000;
    image.start = image.virt_base;
    image.end = image.start + mib;
    expect_mapped(lay_out_or_throw(image, {.pages = 8192}));
}

TEST(BootContents, ListEndsWithTheDomainsLastPage) {
    BootLayout const layout = lay_out_or_throw(small_kernel(), {.pages = 1100});
    ASSERT_EQ(layout.p2m.pages, 3u);
    std::vector<u64> words(512);
    fill_list_page(layout, layout.p2m.pfn, PageWords{words}, frame_of);
    EXPECT_EQ(words[511], frame_of(511).value);
    fill_list_page(layout, layout.p2m.pfn + 2, PageWords{words}, frame_of);
    EXPECT_EQ(words[1099 - 1024], frame_of(1099).value);
    EXPECT_EQ(words[1100 - 1024], ~u64{0});
}

TEST(BootContents, StartInfoOfAGuest) {
    KernelImage image = linux_kernel(KernelRole::guest);
    image.pae_mode = true;
    BootLayout const layout = lay_out_or_throw(image, {.pages = 32768, .initrd_bytes = 10'000});
    auto info = std::make_unique<abi::StartInfo>();
    EXPECT_TRUE(fill_start_info(*info, image, layout, {{0x5000}, 10'000, "console=hvc0"}));
    EXPECT_STREQ(info->magic, "xen-3.0-x86_64");
    EXPECT_EQ(info->nr_pages, 32768u);
    EXPECT_EQ(info->shared_info.value, 0x5000u);
    EXPECT_EQ(info->flags, abi::sif::virt_p2m_4tools | abi::sif::mod_start_pfn);
    EXPECT_EQ(info->pt_base.value, layout.address_of(layout.tables.pfn));
    EXPECT_EQ(info->nr_pt_frames, layout.tables.pages);
    EXPECT_EQ(info->mfn_list.value, 0x80'0000'0000u);
    EXPECT_EQ(info->first_p2m_pfn.value, layout.p2m.pfn);
    EXPECT_EQ(info->nr_p2m_frames, layout.p2m.pages + 3);
    EXPECT_EQ(info->mod_start, layout.initrd.pfn);
    EXPECT_EQ(info->mod_len, 10'000u);
    EXPECT_STREQ(info->cmd_line, "console=hvc0");
}

TEST(BootContents, StartInfoOfDom0) {
    KernelImage image = linux_kernel(KernelRole::dom0);
    image.pae_mode = true;
    image.initrd_by_pfn = false;
    image.init_p2m.reset();
    BootLayout const layout = lay_out_or_throw(image, {.pages = 32768, .initrd_bytes = 10'000});
    auto info = std::make_unique<abi::StartInfo>();
    std::string const line(1024, 'x');
    EXPECT_FALSE(fill_start_info(*info, image, layout, {{0x5000}, 10'000, line}));
    EXPECT_STREQ(info->magic, "xen-3.0-x86_64p");
    EXPECT_EQ(info->flags, abi::sif::privileged | abi::sif::initdomain);
    EXPECT_EQ(info->mod_start, layout.address_of(layout.initrd.pfn));
    EXPECT_EQ(info->mfn_list.value, layout.address_of(layout.p2m.pfn));
    EXPECT_EQ(info->first_p2m_pfn.value, 0u);
    EXPECT_EQ(info->nr_p2m_frames, 0u);
    EXPECT_EQ(info->cmd_line, line.substr(0, 1023));
}

TEST(BootContents, ContextOfTheFirstVcpu) {
    KernelImage const image = small_kernel();
    BootLayout const layout = lay_out_or_throw(image, {.pages = 1024});
    auto context = std::make_unique<abi::VcpuGuestContext>();
    fill_context(*context, image, layout, frame_of(layout.tables.pfn));
    EXPECT_EQ(context->user_regs.rip, image.entry);
    EXPECT_EQ(context->user_regs.rsi, layout.address_of(layout.start_info_pfn));
    EXPECT_EQ(context->user_regs.rsp, layout.address_of(layout.stack_pfn) + page_size);
    EXPECT_EQ(context->ctrlreg[3], frame_of(layout.tables.pfn).value << page_shift);
}
}  // namespace
