// SPDX-License-Identifier: MIT
#include "core/mm/page_alloc.hpp"
#include "core/hal/memory.hpp"

#include <random>

#include "hosted/world.hpp"

#include <gtest/gtest.h>

using namespace hosted;

TEST(PageAlloc, GivesBackEverythingInAnyOrder) {
    World world;
    u64 const before = free_frame_count();
    std::mt19937 random{1};
    std::vector<std::pair<std::byte*, u32>> blocks;
    for (int i = 0; i < 500; ++i) {
        u32 order = random() % 5;
        if (std::byte* memory = alloc_heap(order)) blocks.emplace_back(memory, order);
    }
    std::shuffle(blocks.begin(), blocks.end(), random);
    for (auto [memory, order] : blocks) free_heap(memory, order);
    EXPECT_EQ(free_frame_count(), before);
    std::byte* large = alloc_heap(11);
    EXPECT_NE(large, nullptr) << "buddies did not merge";
    free_heap(large, 11);
}

TEST(PageAlloc, HonoursTheAddressLimit) {
    World world;
    Domain& domain = world.dom0().domain();
    auto page = alloc_domain_frames(domain, 0, 24);
    ASSERT_TRUE(page);
    EXPECT_LT(mfn_of(**page).value, u64{1} << (24 - 12));
    EXPECT_FALSE(alloc_domain_frames(domain, 0, 16)) << "nothing but I/O is that low";
    ASSERT_TRUE(drop_allocation(**page, domain.id));
}

TEST(PageAlloc, FramesOfADomainAreClean) {
    World world;
    std::byte* dirty = alloc_heap(0);
    std::memset(dirty, 0x55, page_size);
    free_heap(dirty, 0);
    for (int i = 0; i < 32; ++i) {
        auto page = alloc_domain_frames(world.dom0().domain(), 0);
        ASSERT_TRUE(page);
        auto* words = reinterpret_cast<u64*>(hal::map(mfn_of(**page)));
        for (u32 k = 0; k < 512; ++k) ASSERT_EQ(words[k], 0u);
    }
}

TEST(PageAlloc, RefusesMoreThanTheDomainMayHave) {
    World world;
    Domain& domain = world.dom0().domain();
    domain.max_pages = domain.pages + 1;
    EXPECT_TRUE(alloc_domain_frames(domain, 0));
    EXPECT_EQ(alloc_domain_frames(domain, 0).error(), Errno::nomem);
}
